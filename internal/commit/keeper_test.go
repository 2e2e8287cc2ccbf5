package commit_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/events"
)

func TestWipedStoreIsRefilledBeforeItIsVouchedFor(t *testing.T) {
	for name, fault := range map[string]func(*world){
		"wiped":       func(w *world) { w.store.Wipe() },
		"restarted":   func(w *world) { w.store.Restart() },
		"failed over": func(w *world) { w.store.Failover(40) },
		"twice": func(w *world) {
			w.store.Wipe()
			w.sleep(700 * time.Millisecond)
			w.store.Restart()
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a, b := w.issuer("a"), w.issuer("b")
				w.settled(a, b)
				sids := w.mustCommit(a, 20)
				w.store.SetSlow(40 * time.Millisecond)
				fault(w)
				if w.vouched() {
					t.Fatal("vouched for while it was being refilled")
				}
				for start := time.Now(); !w.vouched(); w.sleep(10 * time.Millisecond) {
					if time.Since(start) > 20*time.Second {
						t.Fatal("not refilled within 20 s")
					}
				}
				w.wantBoth(sids...)
			})
		})
	}
}

// A wipe after some entries were put back ends the attempt; the next one
// starts from the log's beginning.
func TestStoreWipedDuringItsRefill(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a")
		w.settled(a)
		sids := w.mustCommit(a, 20)
		w.store.SetSlow(20 * time.Millisecond)
		w.store.Wipe()
		for wipes := 0; wipes < 5; wipes++ {
			w.within(20*time.Second, "half refilled", func() bool { return w.store.Holds(key(sids[10])) })
			if w.vouched() {
				t.Fatal("vouched for while half empty")
			}
			w.store.Wipe()
		}
		w.within(20*time.Second, "vouched", w.vouched)
		w.wantBoth(sids...)
	})
}

// While a lost log is refilled nobody says how far to read: the first answer
// afterwards is about a log that holds everything.
func TestLostLogIsRefilledBeforeItIsAnsweredFor(t *testing.T) {
	for name, fault := range map[string]func(*world){
		"recreated":   func(w *world) { w.log.recreate() },
		"purged":      func(w *world) { w.log.purge() },
		"rolled back": func(w *world) { w.log.rollback(w.log.first() + 4) },
		"gone for a while": func(w *world) {
			w.log.SetDown(true)
			w.log.recreate()
			w.sleep(30 * time.Second)
			w.log.SetDown(false)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a, b, e := w.issuer("a"), w.issuer("b"), w.edge("e")
				w.settled(a, b)
				sids := w.mustCommit(a, 20)
				w.store.SetSlow(40 * time.Millisecond)
				fault(w)
				w.within(20*time.Second, "answered", func() bool {
					_, err := w.x.Ask(w.ctx, events.Question{Nonce: "test", Everyone: true})
					return err == nil
				})
				w.wantBoth(sids...)
				w.sleep(10 * time.Second)
				late := w.edge("late")
				w.sleep(3 * time.Second)
				if !e.fresh() || !late.fresh() || !late.revoked(sids[0]) || !late.revoked(sids[19]) {
					t.Fatalf("fresh %t, %t; a new edge knows the first %t, the last %t",
						e.fresh(), late.fresh(), late.revoked(sids[0]), late.revoked(sids[19]))
				}
			})
		})
	}
}

// An issuer is about to file in the store what it has read from the log, which is
// lost at that moment: the new log gets it too.
func TestProjectedWhileTheLogIsLost(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a")
		w.settled(a)
		w.store.SetDown(true)
		if committed, err := w.revoke(a, "pending"); committed || err != nil {
			t.Fatalf("committed %t, %v, want pending", committed, err)
		}
		reached, release := a.hold("apply")
		w.store.SetDown(false)
		<-reached
		w.log.recreate()
		w.sleep(1900 * time.Millisecond)
		release()
		w.settled(a)
		w.sleep(2 * staleness)
		w.wantBoth("pending")
	})
}

func TestLogLostDuringItsRefill(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.issuer("a"), w.issuer("b")
		w.settled(a, b)
		sids := w.mustCommit(a, 20)
		for _, lose := range []func(){w.log.recreate, w.log.purge, w.log.recreate} {
			lose()
			w.sleep(60 * time.Millisecond)
		}
		w.within(20*time.Second, "answered", func() bool {
			_, err := w.x.Ask(w.ctx, events.Question{Nonce: "test", Everyone: true})
			return err == nil
		})
		w.wantBoth(sids...)
	})
}

// An issuer that finds no store cannot know what the log must hold, but who
// answers already does.
func TestIssuerAdoptsTheEpochOfOthers(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a")
		w.settled(a)
		sids := w.mustCommit(a, 5)
		w.store.SetDown(true)
		b := w.issuer("b")
		w.within(10*time.Second, "answers too", b.keeper.Answering)
		if b.keeper.Vouched() || b.keeper.Ready() == nil {
			t.Fatal("vouches for a store that is down")
		}
		a.kill()
		late := w.edge("late")
		w.within(10*time.Second, "fresh by b alone", late.fresh)
		if !late.revoked(sids[0]) {
			t.Fatal("fresh without the first revocation")
		}
	})
}

func TestIssuerAloneDoesNotAnswerWithoutTheStore(t *testing.T) {
	inWorld(t, func(w *world) {
		w.store.SetDown(true)
		a, e := w.issuer("a"), w.edge("e")
		for range 60 {
			w.sleep(time.Second)
			if a.keeper.Answering() || e.fresh() {
				t.Fatal("answered for a log that was never compared with the store")
			}
		}
		w.store.SetDown(false)
		w.settled(a)
		w.within(5*time.Second, "fresh", e.fresh)
		if err := a.keeper.Ready(); err != nil {
			t.Fatal(err)
		}
	})
}

// Two keepers that do the same at once do no harm, and what they do twice stays
// bounded: a log that two refill holds every entry at most twice.
func TestKeepersAtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.issuer("a"), w.issuer("b")
		w.settled(a, b)
		sids := w.mustCommit(a, 30)
		for range 5 {
			w.store.SetSlow(10 * time.Millisecond)
			w.log.recreate()
			w.settled(a, b)
			w.sleep(5 * time.Second)
			w.wantBoth(sids...)
			for _, sid := range sids {
				if n := w.log.count(sid); n > 2 {
					t.Fatalf("%s is in the log %d times", sid, n)
				}
			}
			w.store.Wipe()
			w.within(20*time.Second, "vouched", w.vouched)
			w.wantBoth(sids...)
		}
	})
}

// No clock of one machine is compared with another's: a log, a store and an
// edge whose clocks differ by an hour work as if they did not. Judge freshness
// by the time of a message, and this goes red.
func TestWrongClocks(t *testing.T) {
	for name, by := range map[string]time.Duration{"behind": -time.Hour, "ahead": time.Hour} {
		t.Run("log "+name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				log := skewedLog{w.log, by}
				a, e := w.issuerOn("a", log), w.edgeOn("e", log)
				w.settled(a)
				w.mustCommit(a, 5)
				for range 20 {
					w.sleep(time.Second)
					if !e.fresh() || !w.vouched() {
						t.Fatalf("fresh %t, store vouched for %t", e.fresh(), w.vouched())
					}
				}
				w.log.SetStalled(true)
				w.sleep(staleness + time.Millisecond)
				if e.fresh() {
					t.Fatal("the log is stalled, but the edge is fresh")
				}
			})
		})
	}
}

// Without the log a vouch that holds is kept, so that edges can rely on the
// store; but none is made anew.
func TestVouchWithoutTheLog(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a")
		w.settled(a)
		w.log.SetDown(true)
		w.sleep(10 * staleness)
		if !w.vouched() || !a.keeper.Vouched() {
			t.Fatal("no longer vouched for")
		}
		refill, err := w.store.Client(nil).BeginRefill(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		w.store.Failover(0)
		if err := w.store.Client(nil).Vouch(w.ctx, refill, time.Now()); !errors.Is(err, commit.ErrRefillLost) {
			t.Fatalf("vouch after a failover: %v", err)
		}
		w.sleep(10 * staleness)
		if w.vouched() {
			t.Fatal("vouched for a store that was not compared with the log")
		}
		w.log.SetDown(false)
		w.within(10*time.Second, "vouched", w.vouched)
		synctest.Wait()
	})
}

// An entry of the log that cannot be read does not stop the projection of the
// others.
func TestUnreadableEntryDoesNotStopTheProjector(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a")
		w.settled(a)
		_, err := w.log.Log.Append(w.ctx, events.Record{Kind: events.KindRevocation, Data: []byte("{}"), TTL: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		w.store.Wipe()
		sids := w.mustCommit(a, 3)
		w.within(10*time.Second, "vouched", w.vouched)
		w.wantBoth(sids...)
	})
}

// A vouch is as old as its claim, not as the request that carries it: what is
// committed while the store is being written may be lost from it by then.
func TestVouchIsDatedBeforeItsRefill(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a")
		w.settled(a)
		w.mustCommit(a, 20)
		w.store.SetSlow(60 * time.Millisecond)
		w.store.Wipe()
		for start := time.Now(); !w.vouched(); w.sleep(10 * time.Millisecond) {
			if time.Since(start) > 20*time.Second {
				t.Fatal("not refilled within 20 s")
			}
		}
		if v, err := w.store.Lookup(500*time.Millisecond, "nobody"); err != nil || v.Vouched {
			t.Fatalf("a refill of more than a second gave a vouch younger than half a second: %+v, %v", v, err)
		}
	})
}

// A revocation is filed, the store is wiped and refilled from a log that does
// not have it yet, and only then does the log take it. Whatever the answer is, it
// is in both copies by then.
func TestCommittedAcrossAWipe(t *testing.T) {
	inWorld(t, func(w *world) {
		a, e := w.issuer("a"), w.edge("e")
		w.settled(a)
		w.mustCommit(a, 3)
		release := w.log.hold()
		committed := w.revoking(a, "sid")
		synctest.Wait()
		w.store.Wipe()
		w.within(1900*time.Millisecond, "vouched", w.vouched)
		release()
		if !<-committed {
			t.Fatal("not committed: this shows nothing")
		}
		w.wantBoth("sid")
		w.log.SetStalled(true)
		w.sleep(time.Minute)
		if e.accepts("sid") {
			t.Fatalf("accepted a minute after it was committed: fresh %t", e.fresh())
		}
	})
}

// Both copies are lost between the log's acknowledgement and the answer, each while
// the other had it. The answer waits until both have it again: settle notices the
// store's loss, and the log may have been put back from a store without it.
func TestBothLostBeforeItIsSettled(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a")
		w.settled(a)
		w.mustCommit(a, 3)
		reached, release := a.hold("settle")
		committed := w.revoking(a, "sid")
		<-reached
		w.store.Wipe()
		w.log.recreate()
		release()
		if !<-committed {
			t.Fatal("not committed: this shows nothing")
		}
		w.wantBoth("sid")
	})
}

// A store that loses it whenever it is looked for is not said to hold it.
func TestPendingWhenTheStoreLosesItAgainAndAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.committer(w.store.Client(func(op string) error {
			if op == "settle" {
				w.store.Wipe()
			}
			return nil
		}))
		if r, err := c.Revoke(w.ctx, events.ScopeSession, "sid", "", ""); err != nil || r.Committed {
			t.Fatalf("%+v, %v, want pending", r, err)
		}
	})
}

// revoking revokes in a goroutine.
func (w *world) revoking(i *issuer, sid string) <-chan bool {
	committed := make(chan bool, 1)
	go func() {
		ok, _ := w.revoke(i, sid)
		committed <- ok
	}()
	return committed
}
