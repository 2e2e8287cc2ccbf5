//go:build unix

package chaos

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/curfew-auth/curfew/internal/events"
)

const writers = 64 // appending to the log at a time

// onLog acts on the log as an issuer would, without a fault proxy.
func (r *run) onLog(act func(events.Log) error) error {
	nc, err := events.Connect(r.nats.URL(), "", "chaos", slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer nc.Close()
	log, err := events.NewJetStream(nc, region, len(r.nats.Nodes))
	if err != nil {
		return err
	}
	return act(prompt{log})
}

// A prompt log gives up on a question that gets no answer, as while the log has no
// leader. The context of a fault would let it wait for many minutes.
type prompt struct{ events.Log }

func (p prompt) State(ctx context.Context) (events.State, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return p.Log.State(ctx)
}

func (p prompt) Append(ctx context.Context, r events.Record) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return p.Log.Append(ctx, r)
}

// publish appends everything that comes through the channel, in parallel.
func publish(ctx context.Context, log events.Log, revocations <-chan events.Revocation) error {
	errs := make([]error, writers)
	var writing sync.WaitGroup
	for i := range writers {
		writing.Go(func() {
			for rev := range revocations {
				if _, err := events.Publish(ctx, log, rev); err != nil {
					errs[i] = err
				}
			}
		})
	}
	writing.Wait()
	return errors.Join(errs...)
}

// duplicate appends every revocation of the log once more.
func duplicate(ctx context.Context, r *run) error {
	return r.onLog(func(log events.Log) error {
		state, err := log.State(ctx)
		if err != nil {
			return err
		}
		var held []events.Revocation
		for m, err := range log.Follow(ctx, events.Cursor{}) {
			if err != nil {
				return err
			}
			if rev, err := events.DecodeRevocation(m.Data); m.Kind == events.KindRevocation && err == nil {
				held = append(held, rev)
			}
			if m.Seq >= state.LastSeq {
				break
			}
		}
		again := make(chan events.Revocation, len(held))
		for _, rev := range held {
			again <- rev
		}
		close(again)
		return publish(ctx, log, again)
	})
}
