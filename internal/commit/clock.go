package commit

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

// A reading is what the store's clock said, and when by ours.
type reading struct{ store, own time.Time }

// SawClock tells the committer what the store's clock said in answer to a
// question asked at the time asked, by our own clock. A reading that is behind
// what earlier ones lead to expect is another server's, promoted perhaps: the
// stamps of the one before were above it, so it is not taken.
func (c *Committer) SawClock(store, asked time.Time) {
	for {
		was := c.clock.Load()
		if was != nil && was.at(asked).After(store) || c.clock.CompareAndSwap(was, &reading{store, asked}) {
			return
		}
	}
}

// readClock reads the store's clock.
func (c *Committer) readClock(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	asked := time.Now()
	now, err := c.store.Now(ctx)
	if err == nil {
		c.SawClock(now, asked)
	}
	return err
}

// at is what the store's clock says at a time of our own. Ours only tells how
// long ago the store's was read, by the larger of monotonic and wall time, since
// the former stops while the machine sleeps.
func (r reading) at(now time.Time) time.Time {
	return r.store.Add(max(now.Sub(r.own), now.Round(0).Sub(r.own.Round(0))))
}

// ageOf is how long ago a revocation was filed, by the clock that stamps. It is
// not less than that unless stamps had to go on from above the clock.
func (c *Committer) ageOf(r events.Revocation) (time.Duration, bool) {
	read := c.clock.Load()
	if read == nil || r.Stamp <= 0 {
		return 0, false
	}
	return max(0, read.at(time.Now()).Sub(time.UnixMilli(r.Stamp))), true
}

// known is at or above every stamp that the store has handed out, as far as this
// issuer knows by itself: the highest that came by, and the furthest that the
// store's clock can have come, in Unix milliseconds.
func (c *Committer) known() int64 {
	known := c.seen.Load()
	if r := c.clock.Load(); r != nil {
		known = max(known, r.at(time.Now()).UnixMilli())
	}
	return known
}

// floor is above every stamp that the store has handed out, as far as anybody
// knows whose beats are in the log: this issuer may have been started after the
// store lost its data. While nobody has said anything our wall clock has to do.
func (c *Committer) floor() int64 {
	floor := max(c.known(), c.heard.Load())
	if c.clock.Load() == nil && c.heard.Load() == 0 {
		floor = max(floor, time.Now().UnixMilli())
	}
	return floor + 1
}

// next is the stamp of what the store could not be asked about: no higher than
// it must be, because logins of the moment after it are to stay in.
func (c *Committer) next() int64 {
	if c.whole.Load() {
		return c.known() + 1
	}
	return c.floor()
}

// Saw tells the committer of a stamp, so that its own are above it.
func (c *Committer) Saw(stamp int64) { raise(&c.seen, stamp) }

// maxAhead is how far ahead of all clocks stamps can be: they go on from where a
// server's clock had been, and such a clock may have been wrong.
const maxAhead = 24 * time.Hour

// Heard tells the committer of the stamp in a beat. One that is too far ahead of
// all that this issuer knows is not taken: stamps that start above it would never
// be reached by a clock, and logins would be refused.
func (c *Committer) Heard(stamp int64) (plausible bool) {
	if stamp > max(c.known(), c.heard.Load(), time.Now().UnixMilli())+maxAhead.Milliseconds() {
		return false
	}
	raise(&c.heard, stamp)
	return true
}

func raise(to *atomic.Int64, stamp int64) {
	for {
		was := to.Load()
		if stamp <= was || to.CompareAndSwap(was, stamp) {
			return
		}
	}
}
