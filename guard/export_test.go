package guard

import (
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/fleet"
)

// SetLookupTimeout replaces LookupTimeout.
func (c *Config) SetLookupTimeout(d time.Duration) { c.lookupTimeout = d }

// Holds is what the node answers to an issuer that asks for a confirmation.
func (g *Guard) Holds(e fleet.Entry) bool { return g.holds(e) }

// LiveConnections is how many are watched.
func (g *Guard) LiveConnections() int { return len(g.watches.all()) }

// Asked is how many questions the store has been put, or is being put.
func (g *Guard) Asked() uint32 { return g.fallback.breaker.Counts().Requests }

// LifeOf is how long the node keeps a revocation.
func (g *Guard) LifeOf(r events.Revocation) time.Duration { return g.lifeOf(r) }

// Limit tells the node the bound of the issuers.
func (g *Guard) Limit(bound time.Duration) { g.limit(bound) }

// RevokedKeys is how many are remembered.
func (g *Guard) RevokedKeys() int {
	g.revokedKeys.mu.Lock()
	defer g.revokedKeys.mu.Unlock()
	return len(g.revokedKeys.held)
}
