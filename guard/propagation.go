package guard

import (
	"time"

	"github.com/curfew-auth/curfew/internal/cache"
	"github.com/curfew-auth/curfew/internal/events"
)

// renew notes as of when the copy is complete, and up to where, by the word of
// somebody who goes by a bound of his own: the smaller one counts, from before.
func (g *Guard) renew(asOf, bound time.Duration) {
	g.limit(bound)
	pos := g.follower.Position()
	g.whole.Store(&pos)
	g.copy.TraceRenewed(pos.Epoch, pos.Seq, asOf)
	g.copy.Renew(asOf)
	if g.copy.State() == cache.Fresh {
		g.wasFresh.Store(true)
	}
}

// limit goes by the bound of the issuers, if that is the smaller.
func (g *Guard) limit(bound time.Duration) {
	before := g.copy.Staleness()
	if g.copy.Limit(bound); g.copy.Staleness() < before {
		g.config.Log.Warn("the issuers go by a smaller staleness than this node is set to", "staleness", g.copy.Staleness(), "configured", g.config.Staleness)
		g.watches.wake() // they wait for a part of the larger one
	}
}

// propagated observes how long a revocation took to get here: from its stamp,
// by the store's clock, to now, by this node's. What is read again or caught up
// on says nothing of that, nor what was put back into a new log.
func (g *Guard) propagated(m events.Message, r events.Revocation) {
	if at := g.whole.Load(); at == nil || at.Epoch != m.Epoch || m.Seq <= at.Seq || r.Stamp <= 0 {
		return
	}
	took := time.Since(time.UnixMilli(r.Stamp))
	g.metrics.propagation.Observe(max(0, took).Seconds()) // clocks may differ
}
