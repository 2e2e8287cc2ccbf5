package commit_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

// mustCover fails the test unless a cutoff made now by i, at once and with 200,
// covers the token.
func (w *world) mustCover(i *issuer, t token) {
	w.t.Helper()
	receipt, err := i.Commit(w.ctx, cutoff(t.user, "cut"))
	if err != nil || !receipt.Committed {
		w.t.Fatalf("committed %t, %v", receipt.Committed, err)
	}
	if at := w.store.Cutoff(t.key); at < t.stamp {
		w.t.Fatalf("cutoff at %d, %d ms below a token from before", at, t.stamp-at)
	}
}

func (w *world) mustStamp() token {
	w.t.Helper()
	stamp, ok := w.store.Stamp()
	if !ok {
		w.t.Fatal("nobody can log in")
	}
	return newToken("alice", stamp)
}

// promoteSlow replaces the store by one without any data whose clock is behind.
func (w *world) promoteSlow(by time.Duration) {
	w.store.Restart()
	w.store.SetClock(storeSkew - by)
}

// The server that takes over has a slow clock and none of the stamps. Whoever
// vouches for it knows better, and so does who revokes before that.
func TestStampsGoOnAfterAFailover(t *testing.T) {
	for name, c := range map[string]struct{ loggedOff, vouched bool }{
		"before a vouch":                   {false, false},
		"after a vouch":                    {false, true},
		"after a vouch, and without beats": {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a := w.issuer("a")
				w.settled(a)
				if c.loggedOff {
					w.log.SetDown(true)
					w.sleep(time.Minute)
				}
				first := w.mustStamp()
				w.promoteSlow(5 * time.Minute)
				if c.vouched {
					w.sleep(10 * time.Second) // a reads the slow clock meanwhile
					w.log.SetDown(false)
					w.within(20*time.Second, "vouched for", w.vouched)
				}
				w.mustCover(a, first)
			})
		})
	}
}

// Issuers that were started when nobody was left who knew the server before
// have it from the beats in the log, and pass it on.
func TestStampsGoOnInTheHandsOfOthers(t *testing.T) {
	inWorld(t, func(w *world) {
		last := w.issuer("a")
		w.settled(last)
		for slow := range time.Duration(3) {
			w.promoteSlow((5 + slow) * time.Minute)
			w.within(20*time.Second, "vouched for", w.vouched)
			w.log.recreate()
			pinned := w.mustStamp() // far above the slow clock
			w.sleep(2 * staleness)
			last.kill()
			w.promoteSlow((6 + slow) * time.Minute)
			last = w.issuer("b")
			w.settled(last)
			if slow == 2 {
				w.mustCover(last, pinned)
			}
		}
	})
}

// An issuer that has never reached the store, and so does not project the log into
// it, has it from the beats as well.
func TestStampsGoOnWithoutTheStore(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a")
		w.settled(a)
		w.promoteSlow(-2 * time.Hour) // ahead of every other clock
		w.within(20*time.Second, "vouched for", w.vouched)
		pinned := w.mustStamp()
		w.sleep(2 * staleness)
		b := w.issuerBy("b", accessTTL, func(string) error { return errKilled })
		w.sleep(2 * staleness)
		if r, err := b.Commit(w.ctx, cutoff(pinned.user, "cut")); err != nil || r.Committed || r.Held.Stamp < pinned.stamp {
			t.Fatalf("%+v, %v, want a stamp of %d or more, pending", r, err, pinned.stamp)
		}
	})
}

// An issuer that renews the log leaves the beats there, which say how far stamps have
// come: it may die before it has told the store.
func TestStampsGoOnAfterARenewal(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a")
		w.settled(a)
		w.mustCommit(a, 1)
		w.promoteSlow(-5 * time.Minute)
		w.within(20*time.Second, "vouched for", w.vouched)
		pinned := w.mustStamp()
		w.sleep(2 * staleness)
		a.kill()
		w.promoteSlow(5 * time.Minute)
		w.log.SetClock(40 * time.Second) // which b notices at its first look
		b := w.issuer("b")
		b.dieBefore("vouch")
		w.within(20*time.Second, "b dies", b.dead)
		c := w.issuer("c")
		w.settled(c)
		w.mustCover(c, pinned)
	})
}

// An issuer that was started while the log could not be read has it from the
// store itself, whose stamps somebody raised far above its clock.
func TestStampsGoOnWithoutTheLog(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a")
		w.settled(a)
		w.promoteSlow(5 * time.Minute)
		w.within(20*time.Second, "vouched for", w.vouched)
		pinned := w.mustStamp()
		w.log.SetStalled(true)
		a.kill()
		b := w.issuer("b")
		w.within(20*time.Second, "b keeps the vouch", b.keeper.Vouched)
		w.promoteSlow(6 * time.Minute)
		// Pending, since the log cannot be read, but with the stamp that counts.
		if r, err := b.Commit(w.ctx, cutoff(pinned.user, "cut")); err != nil || r.Committed || r.Held.Stamp < pinned.stamp {
			t.Fatalf("%+v, %v, want a stamp of %d or more, pending", r, err, pinned.stamp)
		}
	})
}

// An issuer that has never found the store whole does not say 200 to a cutoff:
// it does not know what the store has forgotten.
func TestCutoffIsPendingWhileTheStoreIsUnknown(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a")
		w.settled(a)
		w.promoteSlow(5 * time.Minute)
		b := w.issuer("b")
		receipt, err := b.Commit(w.ctx, cutoff("alice", "cut"))
		if err != nil || receipt.Committed {
			t.Fatalf("committed %t, %v, want pending", receipt.Committed, err)
		}
		w.within(20*time.Second, "vouched for", w.vouched)
		w.settled(a, b)
		if receipt, err = b.Commit(w.ctx, cutoff("alice", "cut")); err != nil || !receipt.Committed {
			t.Fatalf("committed %t, %v", receipt.Committed, err)
		}
	})
}

// What an issuer has heard in beats is above the time, to be on the safe side.
// Nobody who logs in elsewhere while one issuer cannot reach the store must be
// logged out by that.
func TestPendingCutoffDoesNotReachAhead(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.issuer("a"), w.issuer("b")
		w.settled(a, b)
		w.sleep(time.Minute)
		last := w.mustStamp()
		w.store.SetDown(true)
		receipt, err := a.Commit(w.ctx, cutoff("alice", "cut"))
		if err != nil || receipt.Committed {
			t.Fatalf("committed %t, %v, want pending", receipt.Committed, err)
		}
		if ahead := receipt.Held.Stamp - last.stamp; ahead < 1 || ahead > 10 {
			t.Errorf("stamped %d ms above a login at the same time", ahead)
		}
	})
}

// A stamp that no clock can have come to is not believed: what is filed and handed
// out next would go on from there, and every login be refused.
func TestImplausibleStampInABeat(t *testing.T) {
	for name, c := range map[string]struct {
		ahead   time.Duration
		standIn bool
		taken   bool
	}{
		"an issuer's":            {23 * time.Hour, false, true},
		"an issuer's, far ahead": {26 * time.Hour, false, false},
		"a stand-in's":           {23 * time.Hour, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a := w.issuer("a")
				w.settled(a)
				stamp := time.Now().Add(c.ahead).UnixMilli()
				data, err := json.Marshal(events.Beat{By: events.RoleIssuer, ID: "x", Nonce: "n", Stamp: stamp})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := w.log.Append(w.ctx, events.Record{Kind: events.KindBeat, StandIn: c.standIn, Data: data, TTL: time.Minute}); err != nil {
					t.Fatal(err)
				}
				w.sleep(time.Second)
				w.store.Wipe() // what is vouched for next goes on from what was heard
				w.settled(a)
				w.within(20*time.Second, "vouched", w.vouched)
				got, ok := w.store.Stamp()
				if taken := got > stamp; !ok || taken != c.taken {
					t.Errorf("stamps go on from %s, taken %t", time.UnixMilli(got).UTC(), taken)
				}
			})
		})
	}
}
