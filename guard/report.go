package guard

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/curfew-auth/curfew/internal/cache"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/fleet"
)

// loadWindow is the least time over which decisions are counted for a report.
const loadWindow = time.Second

// newReporter makes what tells the issuers how this node stands.
func (g *Guard) newReporter() *fleet.Reporter {
	return &fleet.Reporter{
		Conn: g.nc, Region: g.config.Region, ID: g.config.ID, Life: fleet.NewLife(), Elapsed: g.copy.Now,
		Report: g.report, Watch: g.follower.Watch, Holds: g.holds, Reserve: &g.reserve, Poke: g.changed, Log: g.config.Log,
	}
}

// reportSoon has a report sent at once. It does not block.
func (g *Guard) reportSoon() {
	select {
	case g.changed <- struct{}{}:
	default:
	}
}

func (g *Guard) report() fleet.Report {
	s := g.Status()
	age := s.FreshAge.Milliseconds()
	if s.FreshAge < 0 {
		age = -1
	}
	g.load.measure(g.copy.Now(), g.metrics)
	return fleet.Report{
		Version: g.config.Version, URL: g.config.URL, Mode: g.config.Mode.String(), State: s.State, Epoch: s.Epoch, AppliedSeq: s.AppliedSeq, FreshAgeMS: age,
		StalenessMS: s.Staleness.Milliseconds(), Doubt: s.Doubt,
		Entries: s.Entries, Overflowed: s.Overflowed, Store: s.Store, KeyIDs: g.remote.KeyIDs(),
		FallbackShare: g.load.share, DecisionsPerSecond: g.load.perSecond,
	}
}

// holds reports whether the copy refuses all that the entry covers. What was
// evicted from the copy is refused too, but not by the copy: the store must be
// asked, and fail_mode may let it pass.
func (g *Guard) holds(e fleet.Entry) bool {
	key := g.key(e.Scope, e.Issuer, e.Tenant, e.Subject)
	answer := cache.Unknown
	switch e.Scope {
	case events.ScopeToken, events.ScopeSession, events.ScopeKey:
		return g.copy.Holds(key)
	case events.ScopeUser:
		answer = g.copy.Check(&cache.Token{User: key, Stamp: e.Stamp})
	case events.ScopeTenant, events.ScopeAll:
		answer = g.copy.Check(&cache.Token{Tenant: key, Stamp: e.Stamp})
	}
	return answer == cache.Revoked || answer == cache.Outdated && e.Mode == events.ModeRefresh
}

// A load is how many decisions were made lately, and what share of them the
// copy could not make.
type load struct {
	perSecond, share float64

	at          time.Duration
	total, away float64
}

func (l *load) measure(now time.Duration, m *metrics) {
	if now-l.at < loadWindow {
		return
	}
	away := sum(m.allowedByStore, m.revokedByStore, m.outdatedByStore, m.unknown, m.allowedUnknown)
	total := away + sum(m.allowedLocally, m.revokedLocally, m.outdatedLocally, m.allowedByToken, m.malformed, m.invalid, m.expired)
	l.perSecond, l.share = 0, 0
	if made := total - l.total; made > 0 && l.at > 0 {
		l.perSecond, l.share = made/(now-l.at).Seconds(), (away-l.away)/made
	}
	l.at, l.total, l.away = now, total, away
}

func sum(counters ...prometheus.Counter) (n float64) {
	for _, c := range counters {
		var m dto.Metric
		if c.Write(&m) == nil {
			n += m.GetCounter().GetValue()
		}
	}
	return n
}
