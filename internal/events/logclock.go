package events

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// leapSlack is how far the log's clock may get away from ours before what
	// it has expired is in doubt. It is far below the time by which the log keeps
	// revocations longer than any token lives.
	leapSlack = 30 * time.Second
	// leapWindow is the time within which it may get so far. It is short enough
	// that a clock which runs too fast is noticed, and long enough that one
	// which is being set right slowly is not.
	leapWindow = 10 * time.Minute
	// driftShare is the part of the time passed that it may get away besides,
	// counted from a reading that is up to driftAge old: clocks that are set
	// right slowly are set by 1 in 2,000.
	driftShare = 500
	driftAge   = 6 * time.Hour
)

// ErrClockLeap: the log's clock has moved otherwise than time has passed. Its
// servers expire revocations by that clock, so some may have gone too early, and
// a count that goes by the same clock does not miss them.
var ErrClockLeap = errors.New("events: the log's clock has leaped")

// A logClock compares the log's clock with our own elapsed time. It needs no
// agreement about the hour: only what has passed since a first reading counts.
type logClock struct {
	mu    sync.Mutex
	base  *reading
	first *reading // since the last leap, or the last driftAge
}

// A reading of the log's clock was taken between two instants of ours.
type reading struct {
	log          time.Time
	asked, heard time.Duration
}

// read takes a reading. After a leap the next one is compared with this one, so
// whoever is told of a leap MUST make sure of the log once more.
func (c *logClock) read(now reading) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.base
	if was == nil || now.asked-was.asked > leapWindow {
		c.base = &now
	}
	if was == nil {
		c.first = &now
		return nil
	}
	off, drift := now.since(*was), now.since(*c.first)
	if limit := leapSlack + (now.asked-c.first.asked)/driftShare; off.Abs() > leapSlack || drift.Abs() > limit {
		c.base, c.first = &now, &now
		return fmt.Errorf("%w: %s apart from ours, %s in all", ErrClockLeap, off.Round(time.Millisecond), drift.Round(time.Millisecond))
	}
	if now.asked-c.first.asked > driftAge {
		c.first = &now
	}
	return nil
}

// since is how much further the log's clock has come than ours, at least: 0 if
// when exactly the readings were taken explains the difference.
func (r reading) since(was reading) time.Duration {
	passed := r.log.Sub(was.log)
	least, most := r.asked-was.heard, r.heard-was.asked
	switch {
	case passed > most:
		return passed - most
	case passed < least:
		return passed - least
	}
	return 0
}
