package events_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/events/memlog"
)

// A replay that is asked for while a batch is being applied is not forgotten: the
// batch was read from the log as it was before.
func TestReplayWhileABatchIsApplied(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log := memlog.New()
		appendRevocations(t, log, 0, 10)
		applied, hold, reached, gate := 0, false, make(chan struct{}), make(chan struct{})
		f := events.NewFollower(log, func(batch []events.Message) error {
			if applied += len(batch); hold {
				hold = false
				close(reached)
				<-gate
			}
			return nil
		}, slog.New(slog.DiscardHandler))
		go f.Run(ctx)
		synctest.Wait()
		hold = true
		appendRevocations(t, log, 10, 11)
		<-reached
		f.Replay()
		close(gate)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := f.Position(); applied != 22 || got.Seq != 11 || got.Lineage != 1 {
			t.Errorf("applied %d, at %+v, want all 11 once more", applied, got)
		}
		s, err := log.State(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if n, _, err := f.Count(ctx, s); n.Revocations != 11 || err != nil {
			t.Errorf("counted %d, %v, want 11", n, err)
		}
	})
}

// A describedLog lets something happen before it describes itself.
type describedLog struct {
	*memlog.Log
	once   sync.Once
	before func()
}

func (l *describedLog) State(ctx context.Context) (events.State, error) {
	l.once.Do(l.before)
	return l.Log.State(ctx)
}

// The log is recreated after it took the beat. What it holds now says nothing of
// what was missing from the one that the answer would be about.
func TestLogRecreatedBetweenBeatAndAudit(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log := memlog.New()
		appendRevocations(t, log, 0, 10)
		r := read(ctx, log)
		synctest.Wait()
		described := &describedLog{Log: log}
		barrier := events.NewBarrier(described, r.Follower, events.RoleIssuer, "issuer", staleness/50)
		barrier.Admit(r.Position())
		log.Purge() // which the audit would find
		described.before = func() {
			log.Recreate()
			appendRevocations(t, log, 0, 1)
		}
		if a, err := barrier.Confirm(ctx); !errors.Is(err, events.ErrDiverged) {
			t.Errorf("answered %+v, %v, want ErrDiverged", a, err)
		}
	})
}

// An interposed exchange lets something happen while an answer is on its way.
type interposed struct {
	events.Exchange
	after func(events.Answer)
}

func (x *interposed) Ask(ctx context.Context, q events.Question) (events.Answer, error) {
	a, err := x.Exchange.Ask(ctx, q)
	if err == nil {
		x.after(a)
	}
	return a, err
}

// While the answer is on its way the log loses what was acknowledged behind the
// beat. An edge that reads it anew does not know of that, and must not answer for
// it: whoever answered made sure of the log before.
func TestEdgeDoesNotAnswerForALogThatWasRolledBackMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log, x := memlog.New(), &memlog.Exchange{}
		appendRevocations(t, log, 0, 10)
		startIssuer(t, ctx, log, x)
		r := read(ctx, log)
		synctest.Wait()
		barrier := events.NewBarrier(log, r.Follower, events.RoleEdge, "edge", staleness/50)
		way := &interposed{Exchange: x, after: func(events.Answer) {}}
		s := &events.Sync{
			Exchange: way, Follower: r.Follower, Barrier: barrier, Interval: staleness / 4,
			Elapsed: func() time.Duration { return 0 }, Renew: func(_, _ time.Duration) {}, Log: slog.New(slog.DiscardHandler),
		}
		if err := s.Round(ctx); err != nil || !barrier.Admitted() {
			t.Fatalf("%v, admitted %t, want a round like any other", err, barrier.Admitted())
		}
		way.after = func(a events.Answer) {
			appendRevocations(t, log, 10, 11)
			time.Sleep(time.Second) // until it has read that
			log.Rollback(a.Seal)
			time.Sleep(2 * time.Second) // until it has read what is left, from the start
		}
		if err := s.Round(ctx); err != nil {
			t.Fatalf("%v: this shows nothing", err)
		}
		if barrier.Admitted() {
			t.Error("an edge would answer for a log that has lost what it was told of")
		}
	})
}
