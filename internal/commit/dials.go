package commit

import (
	"slices"
	"sync"
	"time"
)

// maxDials bounds how many vouches are remembered.
const maxDials = 16

// Dials tell what the clock says now that dated a vouch, also when the server is
// gone whose clock that was. They are exact for vouches that were kept here.
type dials []dial

type dial struct {
	vouch string
	reading
	kept time.Time // by that clock, the last time
}

// saw notes what the clock behind a vouch said. A reading that is behind what an
// earlier one leads to expect is not taken: what was dated before the clock was
// set back would seem young.
func (d *dials) saw(vouch string, r reading) {
	i := slices.IndexFunc(*d, func(known dial) bool { return known.vouch == vouch })
	if i < 0 {
		*d = append(*d, dial{vouch, r, r.store})
		*d = (*d)[max(0, len(*d)-maxDials):]
		return
	}
	(*d)[i].kept = r.store
	if !(*d)[i].at(r.own).After(r.store) {
		(*d)[i].reading = r
	}
}

// of returns what is known of a vouch, if anything is.
func (d dials) of(vouch string) (dial, bool) {
	i := slices.IndexFunc(d, func(known dial) bool { return known.vouch == vouch })
	if i < 0 {
		return dial{}, false
	}
	return d[i], true
}

// A logDial tells how far the clock of any store can have come, from the beats
// in the log: what they are stamped with is above it, and the log says when they
// were committed. So who was started later knows it too.
type logDial struct {
	mu     sync.Mutex
	ahead  time.Duration // of the stamps, by the log's clock
	latest time.Time     // by the log's clock; zero before the first beat
}

func (l *logDial) saw(stamp int64, committed time.Time) {
	if stamp == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	ahead := time.UnixMilli(stamp).Sub(committed)
	if l.latest.IsZero() || ahead > l.ahead {
		l.ahead = ahead
	}
	if committed.After(l.latest) {
		l.latest = committed
	}
}

// now is zero if no beat has been read. It is as late as the latest of them.
func (l *logDial) now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.latest.IsZero() {
		return time.Time{}
	}
	return l.latest.Add(l.ahead)
}
