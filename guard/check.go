package guard

import (
	"context"

	"github.com/curfew-auth/curfew/internal/cache"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/token"
)

// A verified token is what is remembered of a token whose signature was good.
type verified struct {
	claims   token.Claims
	identity Identity
	keys     [2]cache.Key // of its jti and its sid
}

// Check decides about one token, in the mode of the configuration. The error
// wraps one of this package's, never anything secret.
func (g *Guard) Check(ctx context.Context, raw string) (Identity, error) {
	return g.CheckMode(ctx, raw, g.config.Mode)
}

// CheckMode is Check in a mode of the caller's choice; a mode that does not
// exist is Strict. This is the only place where a request is let through.
func (g *Guard) CheckMode(ctx context.Context, raw string, mode Mode) (Identity, error) {
	v, err := g.verify(ctx, raw)
	if err != nil {
		g.metrics.refused(err)
		return Identity{}, err
	}
	if mode == Stateless {
		g.metrics.allowedByToken.Inc()
		return v.identity, nil
	}
	switch answer := g.copy.Lookup(v.keys[0], v.keys[1]); {
	case answer == cache.Revoked:
		g.metrics.revokedLocally.Inc()
		return Identity{}, ErrRevoked
	case mode != Local:
		return g.askStrictly(ctx, v)
	case answer == cache.Clear:
		g.metrics.allowedLocally.Inc()
		return v.identity, nil
	}
	return g.ask(ctx, v)
}

// verify checks signature and claims, once per token; expiry every time.
func (g *Guard) verify(ctx context.Context, raw string) (*verified, error) {
	if v, ok := g.tokens.Get(raw); ok {
		if err := g.verifier.CheckExpiry(&v.claims); err != nil {
			return nil, refusal(err)
		}
		return v, nil
	}
	claims, err := g.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, refusal(err)
	}
	v := &verified{claims: claims, identity: identityOf(&claims)}
	v.keys[0] = g.key(events.ScopeToken, claims.Issuer, claims.ID)
	v.keys[1] = g.key(events.ScopeSession, claims.Issuer, claims.SessionID)
	g.tokens.Put(raw, v)
	return v, nil
}

func (g *Guard) key(scope events.Scope, issuer, subject string) cache.Key {
	return g.keys.Of(string(scope), issuer, subject)
}
