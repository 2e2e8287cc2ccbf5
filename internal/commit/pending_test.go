package commit_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/events"
)

// A logout is answered 202 because the store is away. What no store has applied
// stays in the log, however long that takes: the session could be refreshed again.
func TestPendingOutlivesTheOutageOfTheStore(t *testing.T) {
	for _, away := range []time.Duration{29 * time.Minute, 31 * time.Minute, 20 * 24 * time.Hour} {
		t.Run(away.String(), func(t *testing.T) {
			inWorld(t, func(w *world) {
				a := w.issuer("a")
				w.settled(a)
				w.store.SetDown(true)
				r, err := a.Commit(w.ctx, cutoff("user-0", "logout"))
				if err != nil || r.Committed || !w.log.covers(r.Held) {
					t.Fatalf("%+v, %v, want a 202", r, err)
				}
				a.kill() // the log alone remembers
				w.sleep(away)
				w.store.SetDown(false)
				b := w.issuer("b")
				w.settled(b)
				w.within(10*time.Second, "the store has it", func() bool { return w.store.Cutoff(r.Held.Key()) >= r.Held.Stamp })
			})
		})
	}
}

// An issuer is started after a failover to a server with a slow clock. It stamps a
// cutoff before it knows how far stamps had come, and learns that while the log is
// being written: the stamp is as low as it was.
func TestCutoffStampedBeforeTheStoreWasFoundWhole(t *testing.T) {
	inWorld(t, func(w *world) {
		w.store.SetClock(0)
		a := w.issuer("a")
		w.settled(a)
		w.sleep(10 * time.Second)
		stamp, ok := w.store.Stamp()
		if !ok {
			t.Fatal("no login")
		}
		before := newToken("user-0", stamp)
		a.kill()
		w.store.Failover(20)
		w.store.SetClock(-10 * time.Minute)
		w.log.SetStalled(true)
		b := w.issuer("b")
		w.sleep(20 * time.Millisecond)
		reached, release := b.hold("append")
		committed := make(chan bool, 1)
		go func() {
			r, err := b.Commit(w.ctx, cutoff("user-0", "logout"))
			committed <- err == nil && r.Committed
		}()
		<-reached
		w.log.SetStalled(false)
		w.within(1900*time.Millisecond, "found whole", b.keeper.Vouched)
		release()
		answered := <-committed
		w.sleep(10 * time.Second)
		e := w.edge("e")
		w.within(10*time.Second, "fresh", e.fresh)
		if answered && e.acceptsToken(before) {
			t.Error("a token from before a cutoff that was answered 200 is accepted")
		}
	})
}

// While the log is away logouts are pending, and edges refuse by the store. When it
// is back no edge accepts what was refused, not for a moment, and neither does one
// that starts then.
func TestRefusedByTheStoreIsNotAcceptedByTheLog(t *testing.T) {
	for n := range 24 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inWorld(t, func(w *world) {
				a, b := w.issuer("a"), w.issuer("b")
				w.settled(a, b)
				edges := []*edge{w.edge("e"), w.edge("f")}
				w.sleep(3 * time.Second)
				w.pend(a)
				w.sleep(12*time.Second + time.Duration(n)*197*time.Millisecond)
				w.wantRefused(edges, "while the log is away")
				w.log.SetDown(false)
				edges = append(edges, w.edge("late"))
				w.stayRefused(edges)
				for i, e := range edges {
					if !e.fresh() {
						t.Errorf("edge %d is not fresh", i)
					}
				}
			})
		})
	}
}

// An issuer that cannot read the outbox does not answer before another, which can,
// has had the time to relay it.
func TestWhoCannotReadTheOutboxWaitsForWhoCan(t *testing.T) {
	for n := range 24 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inWorld(t, func(w *world) {
				var cut atomic.Bool
				a := w.issuerBy("a", accessTTL, func(op string) error {
					if cut.Load() && op == "outbox" {
						time.Sleep(200 * time.Millisecond) // and who can is slow
					}
					return nil
				})
				b := w.issuerBy("b", accessTTL, func(op string) error {
					if cut.Load() && op == "outbox" {
						return errKilled
					}
					return nil
				})
				w.settled(a, b)
				edges := []*edge{w.edge("e"), w.edge("f")}
				w.sleep(3 * time.Second)
				w.pend(a)
				cut.Store(true)
				w.sleep(3 * time.Second)
				cut.Store(n%2 == 0) // it may have been read meanwhile: then the time begins anew
				w.sleep(12*time.Second + time.Duration(n)*197*time.Millisecond)
				w.wantRefused(edges, "while the log is away")
				cut.Store(true)
				w.log.SetDown(false)
				w.stayRefused(edges)
			})
		})
	}
}

// pend takes the log away, and has three users log out meanwhile.
func (w *world) pend(a *issuer) {
	w.t.Helper()
	w.log.SetDown(true)
	for sid := range 3 {
		if ok, err := w.revoke(a, fmt.Sprint(sid)); ok || err != nil {
			w.t.Fatal(ok, err)
		}
	}
}

// stayRefused makes sure that edges go on to refuse once the log is back.
func (w *world) stayRefused(edges []*edge) {
	w.t.Helper()
	for start := time.Now(); time.Since(start) < 8*time.Second; w.sleep(20 * time.Millisecond) {
		w.wantRefused(edges, fmt.Sprint(time.Since(start), " after it was back"))
	}
}

func (w *world) wantRefused(edges []*edge, when string) {
	w.t.Helper()
	for n, e := range edges {
		for sid := range 3 {
			if e.accepts(fmt.Sprint(sid)) {
				w.t.Fatalf("edge %d accepts %d %s (fresh %t)", n, sid, when, e.fresh())
			}
		}
	}
}

// Questions are answered although the outbox cannot be read: edges that have lost
// the store too have nobody else.
func TestAnswersWithoutTheStoreAfterAnInterruption(t *testing.T) {
	inWorld(t, func(w *world) {
		a, e := w.issuer("a"), w.edge("e")
		w.settled(a)
		w.sleep(3 * time.Second)
		w.log.SetDown(true)
		w.sleep(2 * staleness)
		w.store.SetDown(true)
		w.log.SetDown(false)
		w.within(10*time.Second, "fresh", e.fresh)
	})
}

// A look at the outbox remembers all that it has seen, also what it did not come to
// publish because the log failed.
func TestRelayRemembersWhatItHasSeen(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.committer(w.store.Client(nil))
		w.log.SetDown(true)
		for n := range 20 {
			if _, err := c.Revoke(w.ctx, events.ScopeSession, fmt.Sprint(n), "", ""); err != nil {
				t.Fatal(err)
			}
		}
		once := commit.RelayOnce(w.store.Client(nil), w.log)
		look := func() error { return once(w.ctx) }
		_ = look() // sees them for the first time
		for range 2 {
			if look() == nil {
				t.Fatal("relayed into a log that is down")
			}
		}
		w.log.SetDown(false)
		if err := look(); err != nil || w.store.Unsettled() != 0 {
			t.Fatalf("%v, %d left after one look", err, w.store.Unsettled())
		}
	})
}

// A backlog that is larger than a look at the outbox, of an issuer that has died,
// does not wait for as many looks.
func TestRelayOfALargeBacklog(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.committer(w.store.Client(nil))
		w.log.SetDown(true)
		for n := range 1200 {
			if _, err := c.Revoke(w.ctx, events.ScopeSession, fmt.Sprint(n), "", ""); err != nil {
				t.Fatal(err)
			}
		}
		w.log.SetDown(false)
		if err := commit.RelayOnce(w.store.Client(nil), w.log)(w.ctx); err != nil || w.store.Unsettled() != 0 {
			t.Fatalf("%v, %d left after a look", err, w.store.Unsettled())
		}
	})
}
