package commit_test

import (
	"testing"
	"time"
)

// ended reports whether a session stamped so is over, once the store is whole.
func (w *world) ended(t token, issuers ...*issuer) bool {
	w.t.Helper()
	var over bool
	w.within(20*time.Second, "vouched for", func() (ok bool) {
		over, ok = w.store.Over(t.stamp)
		return ok
	})
	w.settled(issuers...)
	return over
}

// A store that comes back from an old image has sessions whose end nobody knows
// any more. Its sessions are over, unless every revocation that it can lack is
// still in the log. No clock of the server that takes over decides that while
// somebody has read the one before.
func TestOldImageEndsItsSessions(t *testing.T) {
	const life = 30 * time.Minute // of a revocation
	for name, c := range map[string]struct {
		age    time.Duration
		clock  time.Duration // of the server that takes over, by that of the one before
		others bool          // only issuers that have never seen the one before vouch
		over   bool
	}{
		"young":                        {age: 25 * time.Minute},
		"old":                          {age: life, over: true},
		"very old":                     {age: 2 * time.Hour, over: true},
		"young, clock ahead":           {age: 25 * time.Minute, clock: 5 * time.Hour},
		"young, clock behind":          {age: 25 * time.Minute, clock: -5 * time.Hour},
		"old, clock behind":            {age: life, clock: -5 * time.Hour, over: true},
		"by others, young":             {age: 25 * time.Minute, others: true},
		"by others, old":               {age: life, others: true, over: true},
		"by others, old, clock behind": {age: life, clock: -5 * time.Hour, others: true, over: true},
		"by others, young, behind":     {age: 25 * time.Minute, clock: -5 * time.Hour, others: true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.store.SetClock(time.Hour)
				a := w.issuer("a")
				w.settled(a)
				w.sleep(time.Minute)
				s := w.mustStamp()
				image := w.store.Image()
				w.sleep(c.age)
				if c.others {
					a.kill()
				}
				w.store.Restore(image)
				w.store.SetClock(time.Hour + c.clock)
				b := w.issuer("b")
				if c.others {
					a = b
				}
				if got := w.ended(s, a, b); got != c.over {
					t.Errorf("over %t, want %t", got, c.over)
				}
				if after := w.mustStamp(); w.ended(after, a, b) || after.stamp <= s.stamp {
					t.Errorf("a login after it, stamped %d after %d, is over", after.stamp, s.stamp)
				}
			})
		})
	}
}

// A clock that was set back, and then an image from after that or before: each
// vouch is dated by a clock of its own.
func TestImageAfterTheClockWasSetBack(t *testing.T) {
	for name, before := range map[string]bool{"image from before": true, "image from after": false} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a := w.issuer("a")
				w.settled(a)
				w.sleep(time.Minute)
				s := w.mustStamp()
				image := w.store.Image()
				w.sleep(40 * time.Minute)
				w.store.SetClock(storeSkew - 40*time.Minute)
				w.sleep(10 * time.Second)
				w.settled(a)
				if !before {
					s, image = w.mustStamp(), w.store.Image()
				}
				w.sleep(10 * time.Second)
				w.store.Restore(image)
				if got := w.ended(s, a); got != before {
					t.Errorf("over %t, want %t", got, before)
				}
			})
		})
	}
}

// A failover of a server to which others have failed over, all of them within
// minutes, ends nobody's session, whatever their clocks.
func TestFailoversEndNoSession(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.issuer("a"), w.issuer("b")
		w.settled(a, b)
		s := w.mustStamp()
		for _, skew := range []time.Duration{0, 3 * time.Hour, -2 * time.Hour, time.Hour} {
			w.sleep(30 * time.Second)
			w.store.Failover(10)
			w.store.SetClock(skew)
			if w.ended(s, a, b) {
				t.Fatalf("over after a failover to a clock at %s", skew)
			}
		}
	})
}

// Nobody reaches the store for hours, or nobody is there. It is the same process
// all the while, and has lost nothing.
func TestStoreThatWasAloneKeepsItsSessions(t *testing.T) {
	for name, gone := range map[string]bool{"cut off": false, "no issuer": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a := w.issuer("a")
				w.settled(a)
				s := w.mustStamp()
				if gone {
					a.kill()
				}
				w.store.SetDown(true)
				w.sleep(time.Hour)
				w.store.SetDown(false)
				if gone {
					a = w.issuer("b")
				}
				if w.ended(s, a) {
					t.Error("a session has ended")
				}
			})
		})
	}
}
