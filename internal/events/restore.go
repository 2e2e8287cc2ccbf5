package events

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"golang.org/x/sync/errgroup"
)

// readPatience is how long a reader of the whole log waits for one message: the
// one it is to stop at may have been lost meanwhile.
const readPatience = 3 * time.Second

// restoreWindow is how many appends of a restore are under way at a time.
const restoreWindow = 64

// Restore makes sure that the log holds every revocation of live, appending
// those it lacks, and then admits the epoch. Live is read anew in every pass.
// It may run at several issuers at once: a duplicate does no harm.
//
// The order matters. A pass first reads up to a beat, so that the follower has
// counted all there is; only then does it compare; and it admits only if a
// second beat finds that nothing of what was counted has gone since. Whatever
// is lost before the first beat is missed by the comparison, and whatever is
// lost after it by the second beat's audit.
func (b *Barrier) Restore(ctx context.Context, live func(context.Context) iter.Seq2[Revocation, error]) (restored int, err error) {
	for {
		_, first, err := b.Probe(ctx)
		if err != nil {
			return restored, err
		}
		n, err := b.appendMissing(ctx, first, live(ctx))
		restored += n
		if err != nil {
			return restored, fmt.Errorf("events: restore: %w", err)
		}
		if n > 0 {
			continue // and look again
		}
		_, second, err := b.Probe(ctx)
		if err != nil {
			return restored, err
		}
		if second.Epoch != first.Epoch || second.Lineage != first.Lineage {
			return restored, fmt.Errorf("events: restore: %w: between two beats", ErrDiverged)
		}
		b.Admit(second)
		return restored, nil
	}
}

func (b *Barrier) appendMissing(ctx context.Context, upTo Position, live iter.Seq2[Revocation, error]) (n int, err error) {
	held, err := b.held(ctx, upTo)
	if err != nil {
		return 0, err
	}
	appends, ctx := errgroup.WithContext(ctx)
	appends.SetLimit(restoreWindow)
	for r, err := range live {
		if errors.Is(err, ErrBadRevocation) {
			continue // of a later version, which will see to it
		}
		if err != nil {
			return n, errors.Join(err, appends.Wait())
		}
		if held[r.ID] {
			continue
		}
		n++
		appends.Go(func() error {
			_, err := Publish(ctx, b.log, r)
			return err
		})
	}
	return n, appends.Wait()
}

// held reads the ids of all revocations in the log up to a position.
func (b *Barrier) held(ctx context.Context, upTo Position) (map[string]bool, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(readPatience, func() { cancel(ErrUnavailable) })
	defer stalled.Stop()
	ids := make(map[string]bool)
	for m, err := range b.log.Follow(ctx, Cursor{}) {
		if err != nil {
			return nil, cause(ctx, err)
		}
		stalled.Reset(readPatience)
		if m.Epoch != upTo.Epoch {
			return nil, ErrDiverged
		}
		if m.Kind == KindRevocation {
			if id := revocationID(m.Data); id != "" {
				ids[id] = true
			}
		}
		if m.Seq >= upTo.Seq {
			return ids, nil
		}
	}
	return nil, ErrUnavailable
}

// Publish appends one revocation to the log. A cutoff without a stamp would
// cover nothing, and is refused.
func Publish(ctx context.Context, log Log, r Revocation) (seq uint64, err error) {
	if r.Scope.Cutoff() && r.Stamp <= 0 {
		return 0, fmt.Errorf("%w: a cutoff without a stamp", ErrBadRevocation)
	}
	data, err := r.Encode()
	if err != nil {
		return 0, err
	}
	return log.Append(ctx, Record{Kind: KindRevocation, Scope: r.Scope, Data: data, TTL: r.TTL()})
}
