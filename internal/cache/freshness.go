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
//
// There is no question "is it fresh now?" by which a miss could be judged. A
// search that was too old would be judged by a renewal that came after it. So
// whoever searches calls AsOf before, and reads the clock after.
type Freshness struct {
	asOf atomic.Int64 // instant + 1; 0: never renewed
	lost atomic.Int64 // instant + 1; what was asked up to here counts no more
	steps
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

// AsOf is the instant up to which the copy is known to be complete; ok is false
// if that was never so or has been lost. What is searched afterwards holds
// everything that was acknowledged before it.
func (f *Freshness) AsOf() (asOf time.Duration, ok bool) {
	at := f.asOf.Load() // first: a renewal that a loss has overtaken is found lost below
	f.at("as of")
	lost := f.lost.Load()
	f.at("lost")
	return time.Duration(at - 1), at > lost
}

// Age is how long before now the copy was known to be complete; ok is that of
// AsOf. It is for people and gauges: it does not judge a miss.
func (f *Freshness) Age(now time.Duration) (age time.Duration, ok bool) {
	asOf, ok := f.AsOf()
	if !ok {
		return 0, false
	}
	return max(0, now-asOf), true
}

// State derives the state at now. Like Age, it does not judge a miss.
func (f *Freshness) State(now, bound time.Duration) State {
	if f.asOf.Load() == 0 {
		return Syncing
	}
	if age, ok := f.Age(now); ok && age <= bound {
		return Fresh
	}
	return Stale
}

// raise sets w to v unless it is already larger.
func raise(w *atomic.Int64, v int64) {
	for old := w.Load(); old < v && !w.CompareAndSwap(old, v); old = w.Load() {
	}
}
