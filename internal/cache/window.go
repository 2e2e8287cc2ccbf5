package cache

import (
	"math"
	"time"
)

// A window is the time in which a miss counts, by readings of the copy's clock.
// It is fixed before the search, and the clock that must fall into it is read
// after the search:
//
//   - Everything acknowledged before the instant that the window rests on was in
//     the copy when that instant was read, so in what was searched afterwards. A
//     renewal that comes during the search does not count for it: the follower
//     may have applied an entry just after the search had missed it.
//   - If the process is stopped, or the machine suspended, anywhere in between,
//     either the pause comes before the clock is read and counts, or the search
//     was already within the bound.
//
// Reading the two in another order lets a process that slept answer from a copy
// that is as old as its sleep.
type window struct {
	tracedWindow
	from, until time.Duration
}

var never = window{from: 1}

func (w window) holds(now time.Duration) bool { return w.from <= now && now <= w.until }

// window MUST be called before the search. The instant is read before all else:
// whoever sees a renewal also sees the loss, the bound and the doubt that were
// noted before that renewal.
func (c *Copy) window() window {
	asOf, ok := c.fresh.AsOf()
	staleness := c.Staleness()
	c.at("bound")
	doubt := time.Duration(c.doubt.Load())
	c.at("doubt")
	if !ok {
		return never
	}
	w := window{from: doubt, until: asOf + min(staleness, math.MaxInt64-asOf)}
	w.opened(asOf, ok)
	return w
}

// steps lets a test act between any two steps of a decision. hook is nil in
// production, which costs a branch a step.
type steps struct{ hook func(before string) }

func (s *steps) at(step string) {
	if s.hook != nil {
		s.hook(step)
	}
}
