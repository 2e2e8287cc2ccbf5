package events_test

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/events/memlog"
)

// A reader is a follower and the set of revocations that it has applied.
type reader struct {
	*events.Follower
	seen map[string]bool
}

// read starts a follower; it ends with the test. The set may be looked at
// while the bubble is idle.
func read(ctx context.Context, log events.Log) *reader {
	r := &reader{seen: map[string]bool{}}
	r.Follower = events.NewFollower(log, func(batch []events.Message) error {
		for _, m := range batch {
			if m.Kind == events.KindRevocation {
				r.seen[string(m.Data)] = true
			}
		}
		return nil
	}, slog.New(slog.DiscardHandler))
	go r.Run(ctx)
	return r
}

func appendRevocations(t *testing.T, log events.Log, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if _, err := log.Append(t.Context(), revocation(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func revocation(i int) events.Record {
	return events.Record{
		Kind: events.KindRevocation, Scope: events.ScopeSession,
		Data: fmt.Append(nil, i), TTL: 30 * time.Minute,
	}
}

// bubble runs test in a synctest bubble whose context ends with it.
func bubble(t *testing.T, test func(t *testing.T, ctx context.Context)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer func() {
			cancel()
			time.Sleep(time.Minute) // virtual: whatever was paced or timed has ended
			synctest.Wait()
		}()
		test(t, ctx)
	})
}

func wantSeen(t *testing.T, r *reader, n int) {
	t.Helper()
	synctest.Wait()
	for i := range n {
		if !r.seen[fmt.Sprint(i)] {
			t.Fatalf("revocation %d of %d was never applied", i, n)
		}
	}
}

func TestFollowerAppliesEverything(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log := memlog.New()
		appendRevocations(t, log, 0, 2000)
		r := read(ctx, log)
		appendRevocations(t, log, 2000, 2010)
		wantSeen(t, r, 2010)
		if got := r.Position(); got.Seq != 2010 || got.Lineage != 0 {
			t.Errorf("position %+v, want sequence 2010 in the first lineage", got)
		}
	})
}

func TestFollowerResumesAfterInterruption(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log := memlog.New()
		appendRevocations(t, log, 0, 10)
		r := read(ctx, log)
		synctest.Wait()
		log.SetDown(true)
		time.Sleep(time.Minute)
		log.SetDown(false)
		appendRevocations(t, log, 10, 20)
		time.Sleep(5 * time.Second)
		wantSeen(t, r, 20)
		if got := r.Position().Lineage; got != 0 {
			t.Errorf("replayed %d times, want a resume", got)
		}
	})
}

// A recreated log that has already grown past the old position: resuming
// there would skip everything below.
func TestFollowerReplaysARecreatedLog(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log := memlog.New()
		appendRevocations(t, log, 0, 5)
		r := read(ctx, log)
		synctest.Wait()
		log.Recreate()
		appendRevocations(t, log, 5, 30)
		time.Sleep(5 * time.Second)
		wantSeen(t, r, 30)
		if got := r.Position(); got.Lineage != 1 || got.Seq != 25 {
			t.Errorf("position %+v, want sequence 25 in the second lineage", got)
		}
	})
}

// A log rolled back within its epoch that has grown past the old position.
func TestFollowerReplaysARolledBackLog(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log := memlog.New()
		appendRevocations(t, log, 0, 10)
		r := read(ctx, log)
		synctest.Wait()
		time.Sleep(time.Second)
		log.Rollback(5)
		appendRevocations(t, log, 10, 30)
		time.Sleep(5 * time.Second)
		wantSeen(t, r, 30)
		if got := r.Position().Lineage; got != 1 {
			t.Errorf("lineage %d, want one replay", got)
		}
	})
}

// A log was rolled back before the follower had read any of it, and grows again
// by what others append. What it is to read up to comes never.
func TestCatchUpWithWhatWasRolledBack(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log := memlog.New()
		appendRevocations(t, log, 0, 300)
		log.Rollback(20)
		r := read(ctx, log)
		go func() {
			for i := 20; events.Sleep(ctx, 100*time.Millisecond); i++ {
				_, _ = log.Append(ctx, revocation(i))
			}
		}()
		began := time.Now()
		pos, err := r.CatchUp(ctx, "epoch-1", 300, 2*time.Second)
		if took := time.Since(began); err == nil || took > 5*time.Second {
			t.Errorf("read up to %d in %v, %v, want an error soon", pos.Seq, took, err)
		}
	})
}

// A replay that takes longer than anybody waits for it is not begun anew by them.
func TestCatchUpLeavesAReplayAlone(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log := &binding{Log: memlog.New()}
		appendRevocations(t, log, 0, 5000)
		f := events.NewFollower(log, func([]events.Message) error {
			time.Sleep(300 * time.Millisecond)
			return nil
		}, slog.New(slog.DiscardHandler))
		go f.Run(ctx)
		waits := 0
		for err := error(context.DeadlineExceeded); err != nil; waits++ {
			soon, cancel := context.WithTimeout(ctx, time.Second)
			_, err = f.CatchUp(soon, "epoch-1", 5000, 2*time.Second)
			cancel()
		}
		if waits < 3 || log.binds.Load() != 1 {
			t.Errorf("%d waits, bound %d times, want several and once", waits, log.binds.Load())
		}
	})
}

// A binding is a log that counts how often it is bound.
type binding struct {
	events.Log
	binds atomic.Int64
}

func (l *binding) Follow(ctx context.Context, after events.Cursor) iter.Seq2[events.Message, error] {
	l.binds.Add(1)
	return l.Log.Follow(ctx, after)
}

func TestFollowerRetriesAFailedBatch(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log := memlog.New()
		appendRevocations(t, log, 0, 3)
		var calls, applied int
		f := events.NewFollower(log, func(batch []events.Message) error {
			if calls++; calls < 4 {
				return fmt.Errorf("store is away")
			}
			applied += len(batch)
			return nil
		}, slog.New(slog.DiscardHandler))
		go f.Run(ctx)
		time.Sleep(time.Second)
		synctest.Wait()
		if applied != 3 || f.Position().Seq != 3 {
			t.Errorf("applied %d, position %+v", applied, f.Position())
		}
	})
}

// Who reads what was written before it came meets holes where messages have
// expired. Who has caught up does not: something was removed before it was read.
func TestHoleAfterCatchingUp(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log := memlog.New()
		appendRevocations(t, log, 0, 10)
		log.RemoveIf(func(data []byte) bool { return string(data) == "5" })
		r := read(ctx, log)
		synctest.Wait()
		if got := r.Position(); got.Seq != 10 || got.Lineage != 0 {
			t.Errorf("%+v over an old hole, want sequence 10 in the first lineage", got)
		}
		log.SetStalled(true)
		appendRevocations(t, log, 10, 12)
		log.RemoveIf(func(data []byte) bool { return string(data) == "10" })
		log.SetStalled(false)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := r.Position(); got.Seq != 12 || got.Lineage != 1 {
			t.Errorf("%+v over a new hole, want sequence 12 after a replay", got)
		}
	})
}

func TestCountNoticesAPurge(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log := memlog.New()
		appendRevocations(t, log, 0, 100)
		r := read(ctx, log)
		synctest.Wait()
		holds := func() bool {
			t.Helper()
			s, err := log.State(ctx)
			if err != nil {
				t.Fatal(err)
			}
			n, _, err := r.Count(ctx, s)
			if err != nil {
				t.Fatal(err)
			}
			return s.Revocations >= n.Revocations
		}
		if !holds() {
			t.Error("an intact log is said to have lost something")
		}
		log.Purge()
		appendRevocations(t, log, 100, 150)
		if holds() {
			t.Error("a purge went unnoticed behind new revocations")
		}
		r.Replay()
		time.Sleep(time.Second)
		if !holds() {
			t.Error("after the replay the log is still said to have lost something")
		}
		time.Sleep(31 * time.Minute)
		if !holds() {
			t.Error("revocations that expired are missed")
		}
	})
}
