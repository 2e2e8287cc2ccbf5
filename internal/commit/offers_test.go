package commit_test

import (
	"context"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

// Log and store lose everything at once. What edges still hold is put back into
// both, so that an edge which is new refuses it too.
func TestThirdCopy(t *testing.T) {
	inWorld(t, func(w *world) {
		a, e := w.issuer("a"), w.edge("e")
		w.settled(a)
		sids := w.mustCommit(a, 3)
		w.sleep(time.Minute)
		held := w.log.all()
		asked := 0
		a.keeper.Offers = func(_ context.Context, known []uint64, _ time.Duration) iter.Seq[events.Revocation] {
			asked++
			return slices.Values(slices.DeleteFunc(slices.Clone(held), func(r events.Revocation) bool {
				return slices.Contains(known, r.Fingerprint())
			}))
		}
		w.store.Wipe()
		w.log.recreate()
		w.sleep(20 * time.Second)
		w.settled(a)
		b := w.edge("b")
		w.within(20*time.Second, "fresh", func() bool { return e.fresh() && b.fresh() })
		for _, sid := range sids {
			if e.accepts(sid) || b.accepts(sid) || !w.log.holds(sid) || !w.store.Holds(key(sid)) {
				t.Errorf("%s: accepted %t and %t, in the log %t, in the store %t",
					sid, e.accepts(sid), b.accepts(sid), w.log.holds(sid), w.store.Holds(key(sid)))
			}
		}
		if asked == 0 {
			t.Error("nobody asked the edges")
		}
	})
}

// What the store knows is not asked for.
func TestEdgesOfferWhatTheStoreLacks(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a")
		w.settled(a)
		sids := w.mustCommit(a, 3)
		w.sleep(time.Minute)
		var known []uint64
		a.keeper.Offers = func(_ context.Context, names []uint64, _ time.Duration) iter.Seq[events.Revocation] {
			known = names
			return slices.Values[[]events.Revocation](nil)
		}
		held := w.log.all()
		w.log.recreate()
		w.sleep(20 * time.Second)
		w.settled(a)
		w.wantBoth(sids...)
		for _, r := range held {
			if !slices.Contains(known, r.Fingerprint()) {
				t.Errorf("the edges were asked for %s, which the store holds", r.Subject)
			}
		}
	})
}

// The edges come back later than the issuer, and are asked once more.
func TestEdgesThatComeBackLater(t *testing.T) {
	inWorld(t, func(w *world) {
		a, e := w.issuer("a"), w.edge("e")
		w.settled(a)
		sids := w.mustCommit(a, 3)
		w.sleep(time.Minute)
		held, back := w.log.all(), time.Now().Add(3*time.Second)
		a.keeper.Offers = func(_ context.Context, known []uint64, _ time.Duration) iter.Seq[events.Revocation] {
			return slices.Values(slices.DeleteFunc(slices.Clone(held), func(r events.Revocation) bool {
				return time.Now().Before(back) || slices.Contains(known, r.Fingerprint())
			}))
		}
		w.store.Pay() // what is promised rests on the edges alone
		w.store.Wipe()
		w.log.recreate()
		w.sleep(30 * time.Second)
		w.settled(a)
		b := w.edge("b")
		w.within(20*time.Second, "fresh", func() bool { return e.fresh() && b.fresh() })
		for _, sid := range sids {
			if b.accepts(sid) || !w.log.holds(sid) || !w.store.Holds(key(sid)) {
				t.Errorf("%s: accepted %t, in the log %t, in the store %t", sid, b.accepts(sid), w.log.holds(sid), w.store.Holds(key(sid)))
			}
		}
	})
}

// The clocks of both servers leap alike while no issuer lives. The next one finds
// no difference between them, and has all revocations stamped anew.
func TestBothClocksLeapWhileNoIssuerLives(t *testing.T) {
	for _, leap := range []time.Duration{12 * time.Minute, 19 * time.Minute} {
		inWorld(t, func(w *world) {
			a := w.issuer("a")
			w.settled(a)
			sids := w.mustCommit(a, 1)
			w.sleep(10 * time.Second)
			a.kill()
			w.sleep(2 * time.Second)
			w.log.leap(leap)
			w.store.SetClock(storeSkew + leap)
			w.settled(w.issuer("b"))
			w.sleep(accessTTL - time.Minute)
			late := w.edge("late")
			w.within(20*time.Second, "fresh", late.fresh)
			if late.accepts(sids[0]) {
				t.Errorf("leapt by %v: accepted while the token lives", leap)
			}
		})
	}
}
