package cache

import (
	"sync/atomic"
	"time"
)

// A State says how far a copy can be trusted.
type State uint8

// The states of a copy.
const (
	Syncing State = iota // it has not been fresh yet
	Fresh                // a miss counts
	Stale                // it was fresh once
)

func (s State) String() string {
	return [...]string{"syncing", "fresh", "stale"}[min(s, Stale)]
}

// Freshness is the instant up to which a copy is known to be complete. The
// zero value has never been fresh. Instants are readings of one [Elapsed].
//
// Both words only grow, so readers need no lock: a reader that meets a
// concurrent Renew or Lose answers as if it had come just before or after.
type Freshness struct {
	asOf atomic.Int64 // instant + 1; 0: never renewed
	lost atomic.Int64 // instant + 1; what was asked up to here counts no more
}

// Renew notes that the copy holds everything acknowledged before asOf, the
// instant at which the question was asked, not the one of the answer. An
// instant earlier than a previous one, or not after the last Lose, changes nothing.
func (f *Freshness) Renew(asOf time.Duration) {
	if int64(asOf)+1 > f.lost.Load() {
		raise(&f.asOf, int64(asOf)+1)
	}
}

// Lose ends the freshness: whatever was asked at or before now, even if the
// answer is still under way, counts no more. Only a question asked later renews.
func (f *Freshness) Lose(now time.Duration) { raise(&f.lost, int64(now)+1) }

// Age is how long ago the copy was known to be complete; ok is false if that
// was never so or has been lost.
func (f *Freshness) Age(now time.Duration) (age time.Duration, ok bool) {
	asOf := f.asOf.Load()
	if asOf == 0 || asOf <= f.lost.Load() {
		return 0, false
	}
	return max(0, now-time.Duration(asOf-1)), true
}

// Fresh reports whether the age at now is within the bound. To judge a miss,
// now MUST have been read after the search that missed.
func (f *Freshness) Fresh(now, bound time.Duration) bool {
	age, ok := f.Age(now)
	return ok && age <= bound
}

// State derives the state at now.
func (f *Freshness) State(now, bound time.Duration) State {
	switch {
	case f.asOf.Load() == 0:
		return Syncing
	case f.Fresh(now, bound):
		return Fresh
	}
	return Stale
}

// raise sets w to v unless it is already larger.
func raise(w *atomic.Int64, v int64) {
	for old := w.Load(); old < v && !w.CompareAndSwap(old, v); old = w.Load() {
	}
}
