package commit

import "time"

// A reading is what the store's clock said, and when by ours.
type reading struct{ store, own time.Time }

// SawClock tells the committer what the store's clock said in answer to a
// question asked at the time asked, by our own clock.
func (c *Committer) SawClock(store, asked time.Time) { c.clock.Store(&reading{store, asked}) }

// estimate is the store's clock now, in Unix milliseconds, or a little more: a
// cutoff made without the store must cover what others were handed out meanwhile.
// Our clock only tells how long ago the store's was read, by the larger of
// monotonic and wall time, since the former stops while the machine sleeps.
// Without a reading our wall clock has to do.
func (c *Committer) estimate() int64 {
	now, r := time.Now(), c.clock.Load()
	if r == nil {
		return now.UnixMilli()
	}
	passed := max(now.Sub(r.own), now.Round(0).Sub(r.own.Round(0)))
	return r.store.Add(passed).UnixMilli() + 1
}
