package fleet

import (
	"context"
	"maps"
	"slices"
	"time"
)

// settle is how long after asking the whole fleet to report an issuer takes for
// complete what it has heard.
const settle = 500 * time.Millisecond

// hearing says since when a registry has heard every report. Silence proves
// nothing but while one listens.
type hearing struct {
	// since is when the server had got our subscription and asked everybody
	// to report; zero: not yet.
	since      time.Time
	connection uint64 // on which
	lost       int    // reports that came too fast, in all, before
}

// ask has every edge report, and answer what it has not answered yet. We listen
// from when the server has confirmed that it got all that.
func (r *Registry) ask(ctx context.Context) {
	r.mu.Lock()
	on, _ := r.connection()
	lost, _ := r.dropped()
	r.hearing = hearing{connection: on, lost: lost}
	open := slices.Collect(maps.Values(r.open))
	r.mu.Unlock()
	for _, rd := range open {
		r.put(rd, r.subjects.Report())
	}
	ctx, cancel := context.WithTimeout(ctx, proofTimeout)
	defer cancel()
	err := r.conn.Publish(r.subjects.Report(), nil)
	if err == nil {
		err = r.conn.FlushWithContext(ctx)
	}
	if err != nil {
		r.log.Debug("edges not asked to report", "error", err)
		return
	}
	r.mu.Lock()
	r.hearing.since = time.Now()
	r.mu.Unlock()
}

// listening reports whether every report has got here since hearing.since.
func (r *Registry) listening() bool {
	on, up := r.connection()
	lost, err := r.dropped()
	return up && !r.hearing.since.IsZero() && on == r.hearing.connection && err == nil && lost == r.hearing.lost
}

// listenAgain begins anew when reports have been lost, or the server could not
// be asked.
func (r *Registry) listenAgain(ctx context.Context) {
	r.mu.Lock()
	_, up := r.connection()
	lost, _ := r.dropped()
	before := r.hearing.lost
	anew := up && !r.listening()
	r.mu.Unlock()
	if lost > before {
		r.log.Warn("reports of edges were lost: they came too fast", "lost", lost)
	}
	if anew {
		r.ask(ctx)
	}
}

// unsettled is how long it will be, at least, until every connected edge has
// been heard.
func (r *Registry) unsettled(now time.Time) time.Duration {
	if !r.listening() {
		return tick
	}
	return r.hearing.since.Add(settle).Sub(now)
}

// quiet tells how long an edge has been silent while we listened. Time that
// the issuer's machine slept does not count either: Go's monotonic clock stands
// still, and whoever is silent for less is expected for longer.
func (r *Registry) quiet(now time.Time) func(*member) time.Duration {
	if !r.listening() {
		return func(*member) time.Duration { return 0 }
	}
	since := r.hearing.since
	return func(m *member) time.Duration {
		if m.last.Before(since) {
			return now.Sub(since)
		}
		return now.Sub(m.last)
	}
}

// complete reports whether every edge that could be fresh is known: it must
// have reported in the time since which everything was heard, because an edge
// whose connection lives reports at its start and every interval.
func (r *Registry) complete(now time.Time) bool {
	return r.listening() && now.Sub(r.hearing.since) >= r.safeAfter(now)
}
