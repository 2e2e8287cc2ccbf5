package commit_test

import (
	"context"
	"iter"
	"sync"
	"testing"
	"time"

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
				w.mustCommit(a, 3)
				w.sleep(5 * time.Second)
				way.set(true)
				w.sleep(5 * time.Second)
				s, err := w.log.State(w.ctx)
				if err != nil {
					t.Fatal(err)
				}
				ended := w.mustCommit(a, 1)
				if c.dead {
					a.kill()
				}
				w.store.SetDown(c.away > 0)
				w.log.rollback(s.LastSeq)
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

// neverAccepts fails if an edge accepts a token at any instant of d.
func (w *world) neverAccepts(e *edge, sid string, d time.Duration) {
	w.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); w.sleep(10 * time.Millisecond) {
		if e.accepts(sid) {
			w.t.Fatalf("accepted %v before the end", time.Until(end))
		}
	}
}
