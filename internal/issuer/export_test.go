package issuer

import (
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/fleet"
	"github.com/curfew-auth/curfew/internal/session"
)

// TuneStreams sets how often event streams have heartbeats and how long a
// reader may take. It must come before Run.
func (i *Issuer) TuneStreams(heartbeat, patience time.Duration) {
	i.streams.heartbeat, i.streams.patience = heartbeat, patience
}

// WaitedFor is what ?wait=enforced says about what was committed so long ago.
func (i *Issuer) WaitedFor(ago, timeout time.Duration) struct{ Enforced bool } {
	w := wait{issuer: i, mode: waitEnforced, timeout: timeout, limit: fleet.MaxWaits}
	out := w.confirm([]session.Receipt{{
		Committed: true, At: time.Now().Add(-ago), Held: events.Revocation{Scope: events.ScopeSession, Issuer: i.config.IssuerURL, Subject: "s"},
	}})
	return struct{ Enforced bool }{out.Enforced}
}

// SetClock replaces the wall clock. It must come before Run.
func (i *Issuer) SetClock(now func() time.Time) { i.now = now }
