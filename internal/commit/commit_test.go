package commit_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/session"
)

func TestCommittedOnlyWhenBothHoldIt(t *testing.T) {
	for name, c := range map[string]struct {
		fault        func(*world)
		committed    bool
		err          error
		log, inStore bool
	}{
		"both up":                {func(*world) {}, true, nil, true, true},
		"log down":               {func(w *world) { w.log.SetDown(true) }, false, nil, false, true},
		"store down":             {func(w *world) { w.store.SetDown(true) }, false, nil, true, false},
		"log's answer lost":      {func(w *world) { w.log.loseAcks(1) }, false, nil, true, true},
		"store's answer lost":    {func(w *world) { w.store.LoseAcks(1) }, false, nil, true, true},
		"store too slow":         {func(w *world) { w.store.SetSlow(3 * time.Second) }, false, nil, true, false},
		"store answers too late": {func(w *world) { w.store.SetSlow(1900 * time.Millisecond) }, false, nil, true, true},
		"both down": {func(w *world) { w.log.SetDown(true); w.store.SetDown(true) }, false,
			session.ErrUnavailable, false, false},
		"both answers lost": {func(w *world) { w.log.loseAcks(1); w.store.LoseAcks(1) }, false,
			session.ErrUnavailable, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				i := &issuer{life: &life{}}
				i.Committer = w.committer(w.store.Client(nil))
				c.fault(w)
				committed, err := w.revoke(i, "sid")
				if committed != c.committed || !errors.Is(err, c.err) {
					t.Fatalf("committed %t, %v, want %t, %v", committed, err, c.committed, c.err)
				}
				if inLog, inStore := w.log.holds("sid"), w.store.Holds(key("sid")); inLog != c.log || inStore != c.inStore {
					t.Fatalf("in the log %t, in the store %t, want %t, %t", inLog, inStore, c.log, c.inStore)
				}
			})
		})
	}
}

// A store that cannot say at the end whether it still holds the revocation may
// have lost it since it took it.
func TestPendingWhenItCannotBeSettled(t *testing.T) {
	inWorld(t, func(w *world) {
		i := &issuer{life: &life{}}
		client := w.store.Client(func(op string) error {
			if op == "settle" {
				return errKilled
			}
			return nil
		})
		i.Committer = w.committer(client)
		if committed, err := w.revoke(i, "sid"); committed || err != nil {
			t.Fatalf("committed %t, %v, want pending", committed, err)
		}
		w.wantBoth("sid")
	})
}

// Answer before the log's acknowledgement and this goes red.
func TestAnsweredOnlyAfterTheLogAcknowledged(t *testing.T) {
	inWorld(t, func(w *world) {
		i := w.issuer("a")
		w.settled(i)
		release := w.log.hold()
		answered := make(chan bool, 1)
		go func() {
			ok, _ := w.revoke(i, "sid")
			answered <- ok
		}()
		for range 10 {
			w.sleep(time.Second)
			select {
			case ok := <-answered:
				t.Fatalf("answered (committed %t) before the log has acknowledged", ok)
			default:
			}
		}
		release()
		synctest.Wait()
		<-answered
		w.within(5*time.Second, "the log holds it", func() bool { return w.log.holds("sid") })
	})
}

func TestPendingIsCompleted(t *testing.T) {
	for name, down := range map[string]func(*world, bool){
		"log was down":   func(w *world, down bool) { w.log.SetDown(down) },
		"store was down": func(w *world, down bool) { w.store.SetDown(down) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a, b := w.issuer("a"), w.issuer("b")
				w.settled(a, b)
				down(w, true)
				if ok, err := w.revoke(a, "sid"); ok || err != nil {
					t.Fatalf("committed %t, %v, want pending", ok, err)
				}
				a.kill() // any issuer completes it
				w.sleep(time.Minute)
				down(w, false)
				w.settled(b)
				w.within(5*time.Second, "completed", func() bool { return w.log.holds("sid") && w.store.Holds(key("sid")) })
			})
		})
	}
}

// The caller of a killed issuer has had no answer. What the issuer left behind
// is nothing, or is completed by another.
func TestKilledIssuerIsCompletedByAnother(t *testing.T) {
	for before, left := range map[string]bool{"revoke": false, "append": true, "settle": true} {
		t.Run("before "+before, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a, b, e := w.issuer("a"), w.issuer("b"), w.edge("e")
				w.settled(a, b)
				a.dieBefore(before)
				_, _ = w.revoke(a, "sid")
				synctest.Wait()
				if !a.dead() {
					t.Fatal("it lives")
				}
				w.sleep(staleness)
				w.settled(b)
				if inLog := w.log.holds("sid"); inLog != left || w.store.Holds(key("sid")) != left || e.revoked("sid") != left {
					t.Fatalf("in the log %t, in the store %t, at the edge %t, want %t",
						inLog, w.store.Holds(key("sid")), e.revoked("sid"), left)
				}
			})
		})
	}
}

// A relay that is killed after it has published leaves the entry to the next.
func TestKilledRelayIsCompletedByAnother(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.issuer("a"), w.issuer("b")
		w.settled(a, b)
		a.dieBefore("append")
		_, _ = w.revoke(a, "sid")
		b.dieBefore("settle")
		w.within(5*time.Second, "published by b", func() bool { return b.dead() })
		if !w.log.holds("sid") || w.store.Unsettled() != 1 {
			t.Fatalf("in the log %t, %d unsettled", w.log.holds("sid"), w.store.Unsettled())
		}
		w.settled(w.issuer("c"))
		w.wantBoth("sid")
	})
}

// A relay must not publish what an issuer is just publishing itself: it comes
// by while the log is slow, and leaves the entry alone until its next look.
func TestRelayLeavesTheLivingAlone(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.issuer("a"), w.issuer("b")
		w.settled(a, b)
		for n := range 20 {
			sid, release := fmt.Sprint("sid-", n), w.log.hold()
			go func() { _, _ = w.revoke(a, sid) }()
			w.sleep(400 * time.Millisecond)
			release()
			w.sleep(time.Second)
			if n := w.log.count(sid); n != 1 {
				t.Fatalf("%s is in the log %d times", sid, n)
			}
		}
	})
}

// A cutoff or revocation made while the store is down is stamped above all that
// the issuer has seen, also above what it has only read from the log.
func TestPendingIsStampedAboveWhatWasSeen(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.issuer("a"), w.issuer("b")
		w.settled(a, b)
		w.mustCommit(a, 1) // its stamp is an hour ahead, as the store's clock is
		w.store.SetDown(true)
		if _, err := w.revoke(b, "late"); err != nil {
			t.Fatal(err)
		}
		w.store.SetDown(false)
		w.within(10*time.Second, "projected", func() bool { return w.store.Holds(key("late")) })
		stamps := map[string]int64{}
		for r := range w.store.Client(nil).Live(w.ctx) {
			stamps[r.Subject] = r.Stamp
		}
		for sid, stamp := range stamps {
			if sid != "late" && stamp >= stamps["late"] {
				t.Errorf("stamp %d of the earlier, %d of the later", stamp, stamps["late"])
			}
		}
	})
}

// A revocation that began is carried through when its caller hangs up.
func TestCarriedThroughWithoutItsCaller(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.committer(w.store.Client(nil))
		ctx, cancel := context.WithCancel(w.ctx)
		cancel()
		if r, err := c.Revoke(ctx, events.ScopeSession, "sid", "", ""); err != nil || !r.Committed {
			t.Fatalf("%+v, %v", r, err)
		}
		w.wantBoth("sid")
	})
}
