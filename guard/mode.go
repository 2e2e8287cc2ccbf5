package guard

import (
	"context"
	"errors"

	"github.com/curfew-auth/curfew/internal/cache"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/redisstore"
)

// A Mode says what must be known of a token before it is accepted.
type Mode uint8

const (
	// Local answers from the local copy, and from the store where that does
	// not know: the promise of this package. It is the default.
	Local Mode = iota
	// Stateless looks at signature and claims only. A revoked token is
	// accepted until it expires.
	Stateless
	// Strict asks the store about every request: its session must exist
	// now. Whenever that cannot be known the answer is ErrUnknown, whatever
	// Config.FailOpen says. Costs a round trip, at most LookupTimeout. The
	// sessions of a TrustedIssuer are not in the store, so of its tokens only
	// what is revoked is asked.
	Strict
)

var modeNames = [...]string{Local: "local", Stateless: "stateless", Strict: "strict"}

func (m Mode) String() string { return modeNames[min(m, Strict)] }

// ParseMode reads the name of a mode: stateless, local or strict.
func ParseMode(name string) (Mode, error) {
	for m, n := range modeNames {
		if n == name {
			return Mode(m), nil
		}
	}
	return Strict, errors.New("guard: no such mode; want stateless, local or strict")
}

// Stricter returns the mode that knows more before it accepts.
func (m Mode) Stricter(other Mode) Mode {
	order := [...]int{Stateless: 0, Local: 1, Strict: 2}
	if order[min(m, Strict)] >= order[min(other, Strict)] {
		return m
	}
	return other
}

// askStrictly decides by the store whether the session exists now. Nothing is
// let pass unknown here, FailOpen or not.
func (g *Guard) askStrictly(ctx context.Context, v *verified) (Identity, error) {
	sid := v.claims.SessionID
	if v.claims.Foreign {
		sid = ""
	}
	verdict, err := g.fallback.live(ctx, v.question(), v.claims.Issuer, sid)
	known := err == nil && verdict.Vouched && !g.copy.Doubtful()
	switch {
	case verdict.Revoked, known && !verdict.Live && !v.claims.Foreign:
		g.metrics.revokedByStore.Inc()
		g.keep(v, cache.Revoked)
		return Identity{}, ErrRevoked
	case verdict.Outdated:
		g.metrics.outdatedByStore.Inc()
		g.keep(v, cache.Outdated)
		return Identity{}, ErrRefreshRequired
	case known:
		g.metrics.allowedByStore.Inc()
		return v.identity, nil
	}
	return g.undecided(v, false, whyUnknown(verdict, err))
}

// question is what the store is asked about the token.
func (v *verified) question() redisstore.Question {
	return redisstore.Ask(events.Token{
		Issuer: v.claims.Issuer, ID: v.claims.ID, Session: v.claims.SessionID, KeyID: v.claims.KeyID,
		Tenant: v.claims.Tenant, User: v.claims.Subject, Stamp: v.claims.IssuedAtMillis,
	})
}
