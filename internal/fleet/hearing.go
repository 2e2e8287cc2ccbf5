package fleet

import (
	"time"

	"github.com/nats-io/nats.go"
)

// settle is how long after asking the whole fleet to report an issuer takes for
// complete what it has heard.
const settle = 500 * time.Millisecond

// hearing says since when a registry has heard every report.
type hearing struct {
	since      time.Time // when all were asked to report
	connection uint64    // which connection that was
	lost       int       // reports that came too fast, in all
}

// unsettled is how long it will be until every connected edge has been heard.
func (h hearing) unsettled(now time.Time) time.Duration {
	if h.since.IsZero() {
		return settle
	}
	return h.since.Add(settle).Sub(now)
}

// mindLosses starts anew when reports were dropped.
func (r *Registry) mindLosses(reports *nats.Subscription) {
	lost, err := reports.Dropped()
	r.mu.Lock()
	anew := err == nil && lost > r.hearing.lost
	if anew {
		r.hearing.lost = lost
	}
	r.mu.Unlock()
	if anew {
		r.log.Warn("reports of edges were lost: they came too fast", "lost", lost)
		r.ask()
	}
}

// complete reports whether every edge that could be fresh is known: it must
// have reported in the time since which everything was heard, because an edge
// whose connection lives reports at its start and every interval.
func (r *Registry) complete(now time.Time) bool {
	return !r.hearing.since.IsZero() && now.Sub(r.hearing.since) >= r.safeAfter &&
		r.conn.IsConnected() && r.conn.Stats().Reconnects == r.hearing.connection
}
