package commit_test

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/commit/memstore"
	"github.com/curfew-auth/curfew/internal/events"
)

// A link is one node's way to the log, which can be cut.
type link struct {
	events.Log

	mu   sync.Mutex
	cut  bool
	ends []context.CancelFunc // of what goes on
}

func (l *link) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	for _, end := range l.ends {
		end()
	}
	l.ends = nil
}

func (l *link) down() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return events.ErrUnavailable
	}
	return nil
}

func (l *link) Append(ctx context.Context, r events.Record) (uint64, error) {
	if err := l.down(); err != nil {
		return 0, err
	}
	return l.Log.Append(ctx, r)
}

func (l *link) State(ctx context.Context) (events.State, error) {
	if err := l.down(); err != nil {
		return events.State{}, err
	}
	return l.Log.State(ctx)
}

func (l *link) Ensure(ctx context.Context) error {
	if err := l.down(); err != nil {
		return err
	}
	return l.Log.Ensure(ctx)
}

func (l *link) Follow(ctx context.Context, after events.Cursor) iter.Seq2[events.Message, error] {
	return func(yield func(events.Message, error) bool) {
		ctx, end := context.WithCancel(ctx)
		defer end()
		l.mu.Lock()
		l.ends = append(l.ends, end)
		l.mu.Unlock()
		if err := l.down(); err != nil {
			yield(events.Message{}, err)
			return
		}
		for m, err := range l.Log.Follow(ctx, after) {
			if err != nil {
				err = events.ErrUnavailable
			}
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// TestWhoeverResumesCompares: a log takes back its last messages while an issuer is
// cut off from it. That issuer resumes where it stood and finds nothing wrong: those
// messages came behind that. The store has them.
func TestWhoeverResumesCompares(t *testing.T) {
	for name, c := range map[string]struct {
		dead bool          // the issuer that had read them
		away time.Duration // the store, from then on
	}{
		"the other is dead":                        {dead: true},
		"the other knows":                          {},
		"the other takes its word":                 {away: 12 * time.Second},
		"the other is dead, and the store is away": {dead: true, away: 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				way := &link{Log: w.log}
				a, b := w.issuer("a"), w.issuerOn("b", way)
				w.settled(a, b)
				ended, before := w.commitBehind(a, way)
				if c.dead {
					a.kill()
				}
				w.store.SetDown(c.away > 0)
				w.log.rollback(before)
				way.set(false)
				late := w.edge("late")
				w.sleep(c.away)
				w.store.SetDown(false)
				if c.away <= staleness { // else two copies are gone for longer than the bound
					w.neverAccepts(late, ended[0], 2*staleness)
				}
				w.within(2*staleness, "the log holds it again", func() bool { return w.log.holds(ended[0]) })
				w.within(2*staleness, "an edge knows", func() bool { return late.fresh() && !late.accepts(ended[0]) })
				w.wantBoth(ended...)
			})
		})
	}
}

// commitBehind cuts a link, and then has an issuer commit one revocation more. It
// returns that, and where the log ended before it.
func (w *world) commitBehind(i *issuer, way *link) (ended []string, before uint64) {
	w.t.Helper()
	w.mustCommit(i, 3)
	w.sleep(5 * time.Second)
	way.set(true)
	w.sleep(5 * time.Second)
	s, err := w.log.State(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.mustCommit(i, 1), s.LastSeq
}

// neverAccepts fails if an edge accepts a token at any instant of d.
func (w *world) neverAccepts(e *edge, sid string, d time.Duration) {
	w.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); w.sleep(10 * time.Millisecond) {
		if e.accepts(sid) {
			w.t.Fatalf("accepted %v before the end", time.Until(end))
		}
	}
}

// A stall lets its reader read nothing, and has it notice nothing.
type stall struct {
	events.Log
	mu   sync.Mutex
	gate chan struct{} // closed when it is over; nil before and after
}

func (l *stall) begin() (end func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	gate := make(chan struct{})
	l.gate = gate
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.gate = nil
		close(gate)
	}
}

func (l *stall) stalls() chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gate
}

func (l *stall) Follow(ctx context.Context, after events.Cursor) iter.Seq2[events.Message, error] {
	return func(yield func(events.Message, error) bool) {
		for m, err := range l.Log.Follow(ctx, after) {
			if l.stalls() != nil { // until the reader itself begins anew
				<-ctx.Done()
				return
			}
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// TestWhoeverBeginsAnewCompares: the reader is not interrupted, but finds by itself that
// it does not read what it must, and resumes.
func TestWhoeverBeginsAnewCompares(t *testing.T) {
	inWorld(t, func(w *world) {
		way := &stall{Log: w.log}
		a, b := w.issuer("a"), w.issuerOn("b", way)
		w.settled(a, b)
		w.mustCommit(a, 3)
		w.sleep(5 * time.Second)
		s, err := w.log.State(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		end := way.begin()
		if ok, err := w.revoke(a, "gone"); !ok || err != nil { // and at once it is
			t.Fatal(err)
		}
		a.kill()
		w.log.rollback(s.LastSeq)
		late := w.edge("late")
		w.sleep(200 * time.Millisecond)
		end()
		// Its reader does not know yet that it reads nothing: until it does is a gap that
		// remains (docs/consistency.md).
		w.sleep(staleness)
		w.neverAccepts(late, "gone", 4*staleness)
		w.within(2*staleness, "an edge knows", func() bool { return late.fresh() && !late.accepts("gone") })
		w.wantBoth("gone")
	})
}

// An ailing store tells its clock and cannot be read, or does not answer at all.
type ailingStore struct {
	*memstore.Client
	unreadable, hangs *atomic.Bool
	reads             *atomic.Int64
}

func (s ailingStore) Now(ctx context.Context) (time.Time, error) {
	if s.hangs.Load() {
		<-ctx.Done()
		return time.Time{}, ctx.Err()
	}
	return s.Client.Now(ctx)
}

func (s ailingStore) Outbox(ctx context.Context, n int) ([]events.Revocation, error) {
	if s.hangs.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.Client.Outbox(ctx, n)
}

func (s ailingStore) Live(ctx context.Context) iter.Seq2[events.Revocation, error] {
	if !s.unreadable.Load() {
		return s.Client.Live(ctx)
	}
	return func(yield func(events.Revocation, error) bool) {
		s.reads.Add(1)
		yield(events.Revocation{}, events.ErrUnavailable)
	}
}

// TestAnswersWhileTheStoreAils: what cannot be compared holds edges up for the time of
// the bound, and costs little while it lasts.
func TestAnswersWhileTheStoreAils(t *testing.T) {
	inWorld(t, func(w *world) {
		var unreadable, hangs atomic.Bool
		var reads atomic.Int64
		way := &link{Log: w.log}
		i := &issuer{life: &life{}}
		i.Committer = commit.NewCommitter(ailingStore{w.store.Client(nil), &unreadable, &hangs, &reads}, way, iss, accessTTL, quiet)
		i.keeper = commit.NewKeeper(i.Committer, w.x, "a", staleness, quiet)
		go i.keeper.Run(w.ctx)
		w.settled(i)
		e := w.edge("e")
		w.within(2*staleness, "fresh", e.fresh)
		interrupt := func() {
			way.set(true)
			w.sleep(100 * time.Millisecond)
			way.set(false)
		}
		unreadable.Store(true)
		interrupt()
		w.sleep(2*staleness + time.Second)
		w.staysFresh(e, 10*staleness)
		if n := reads.Load(); n < 2 || n > 12 {
			t.Errorf("the log was read %d times for nothing in a minute", n)
		}
		hangs.Store(true)
		w.staysFresh(e, 2*staleness)
		interrupt()
		w.sleep(2*staleness + time.Second)
		w.staysFresh(e, 10*staleness)
	})
}

func (w *world) staysFresh(e *edge, d time.Duration) {
	w.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); w.sleep(50 * time.Millisecond) {
		if !e.fresh() {
			w.t.Fatalf("not fresh %v before the end", time.Until(end))
		}
	}
}

// TestLongComparisonIsNoExcuse: Redis was away for a moment, and is then compared with
// for longer than the bound. Nobody is answered before that is done.
func TestLongComparisonIsNoExcuse(t *testing.T) {
	inWorld(t, func(w *world) {
		way := &link{Log: w.log}
		a := w.issuer("a")
		b := &issuer{life: &life{}}
		var slow atomic.Bool
		b.Committer = commit.NewCommitter(slowStore{w.store.Client(nil), &slow}, way, iss, accessTTL, quiet)
		b.keeper = commit.NewKeeper(b.Committer, w.x, "b", staleness, quiet)
		go b.keeper.Run(w.ctx)
		w.settled(a, b)
		ended, before := w.commitBehind(a, way)
		a.kill()
		w.log.rollback(before)
		w.store.SetDown(true)
		way.set(false)
		late := w.edge("late")
		w.sleep(2 * time.Second)
		slow.Store(true)
		w.store.SetDown(false)
		w.neverAccepts(late, ended[0], 5*staleness)
		w.within(4*staleness, "the log holds it again", func() bool { return w.log.holds(ended[0]) })
	})
}

// A slowStore takes longer than the bound to show what it holds.
type slowStore struct {
	*memstore.Client
	slow *atomic.Bool
}

func (s slowStore) Live(ctx context.Context) iter.Seq2[events.Revocation, error] {
	if s.slow.Load() {
		time.Sleep(2 * staleness)
	}
	return s.Client.Live(ctx)
}
