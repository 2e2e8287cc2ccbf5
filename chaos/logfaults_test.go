//go:build unix

package chaos

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/curfew-auth/curfew/internal/testenv/backend"
	"github.com/curfew-auth/curfew/internal/testenv/poll"
)

func logFaults() []fault {
	return []fault{
		{name: "the log's leader killed", part: theLog, inject: killLeader, heal: restartNodes, answered: 0.99},
		{name: "quorum of the log lost", part: theLog, elects: true, inject: killNodes(2), heal: restartNodes, answered: 0.99},
		{name: "NATS gone", part: theLog, elects: true, inject: killNodes(3), heal: restartNodes, answered: 0.99},
		{name: "NATS stopped", part: theLog, elects: true, inject: stopNodes, heal: wakeNodes, answered: 0.99},
		{name: "NATS away while users log out", part: links, recent: true, inject: cutEveryLog, while: logOutMeanwhile, heal: returnAndWatch,
			answered: 0.99, after: refusedMeanwhile},
		{name: "NATS restarted empty", part: theLog, elects: true, loses: true, inject: wipeLog, heal: nothing},
		{name: "stream deleted", part: theLog, loses: true, inject: onStream(deleteStream), heal: nothing},
		{name: "stream purged", part: theLog, loses: true, inject: onStream(purgeStream), heal: nothing},
		{name: "stream's tail deleted", part: theLog, loses: true, inject: onStream(deleteTail), heal: nothing},
	}
}

func killLeader(ctx context.Context, r *run) error {
	leader, err := r.nats.Leader(ctx, stream)
	if err != nil {
		return err
	}
	return leader.Kill()
}

func killNodes(n int) func(context.Context, *run) error {
	return func(_ context.Context, r *run) error { return eachNode(r.nats.Nodes[:n], (*backend.NATS).Kill) }
}

func stopNodes(_ context.Context, r *run) error { return eachNode(r.nats.Nodes, (*backend.NATS).Pause) }

func wakeNodes(_ context.Context, r *run) error {
	return eachNode(r.nats.Nodes, (*backend.NATS).Resume)
}

func eachNode(nodes []*backend.NATS, do func(*backend.NATS) error) error {
	var errs []error
	for _, n := range nodes {
		errs = append(errs, do(n))
	}
	return errors.Join(errs...)
}

// restartNodes starts those that do not run.
func restartNodes(ctx context.Context, r *run) error {
	return eachNode(r.nats.Nodes, func(n *backend.NATS) error {
		if n.Running() {
			return nil
		}
		return n.Restart(ctx)
	})
}

func wipeLog(ctx context.Context, r *run) error { return r.nats.WipeRestart(ctx) }

// onStream acts on the log behind everybody's back.
func onStream(act func(context.Context, jetstream.JetStream, jetstream.Stream) error) func(context.Context, *run) error {
	return func(ctx context.Context, r *run) error {
		nc, err := nats.Connect(r.nats.URL())
		if err != nil {
			return err
		}
		defer nc.Close()
		js, err := jetstream.New(nc)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, recoveryLimit)
		defer cancel()
		return poll.Until(ctx, func() error { // a question to a leader that changes gets no answer
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			s, err := js.Stream(ctx, stream)
			if err != nil {
				return err
			}
			return act(ctx, js, s)
		})
	}
}

func deleteStream(ctx context.Context, js jetstream.JetStream, _ jetstream.Stream) error {
	return js.DeleteStream(ctx, stream)
}

func purgeStream(ctx context.Context, _ jetstream.JetStream, s jetstream.Stream) error {
	return s.Purge(ctx)
}

// deleteTail removes the newest messages, the newest revocations among them:
// what remains looks like an older copy of the log.
// noSuchSequence is the server's code for it; the client library has no name.
const noSuchSequence = 10043

func deleteTail(ctx context.Context, _ jetstream.JetStream, s jetstream.Stream) error {
	last := s.CachedInfo().State.LastSeq
	for seq := last; seq > last-min(last-1, 20); seq-- {
		err := s.DeleteMsg(ctx, seq)
		if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == noSuchSequence {
			continue // it has expired, or an issuer has dropped it
		}
		if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			return err
		}
	}
	return nil
}
