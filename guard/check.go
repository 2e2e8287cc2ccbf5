package guard

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/curfew-auth/curfew/internal/cache"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/token"
)

// sampled is how many decisions one is measured of.
const sampled = 64

// A verified token is what is remembered of a token whose signature was good.
type verified struct {
	claims   token.Claims
	identity Identity
	token    cache.Token
}

// Check decides about one token, in the mode of the configuration. The error
// wraps one of this package's, never anything secret.
func (g *Guard) Check(ctx context.Context, raw string) (Identity, error) {
	return g.CheckMode(ctx, raw, g.config.Mode)
}

// CheckMode is Check in a mode of the caller's choice; a mode that does not
// exist is Strict. This is the only place where a request is let through.
func (g *Guard) CheckMode(ctx context.Context, raw string, mode Mode) (Identity, error) {
	if rand.Uint32()%sampled == 0 { // reading the clock takes as long as deciding
		defer g.metrics.checked(time.Now())
	}
	v, err := g.verify(ctx, raw)
	if err != nil {
		g.metrics.refused(err)
		return Identity{}, err
	}
	if mode == Stateless {
		g.metrics.allowedByToken.Inc()
		return v.identity, nil
	}
	switch answer := g.copy.Check(&v.token); {
	case answer == cache.Revoked, g.revokedKeys.has(v.token.IDs[2]):
		g.metrics.revokedLocally.Inc()
		return Identity{}, ErrRevoked
	case answer == cache.Outdated:
		g.metrics.outdatedLocally.Inc()
		return Identity{}, ErrRefreshRequired
	case g.clocks.behind.Load() != 0:
		return g.undecided(v, g.config.FailOpen && mode == Local, g.clocks.trouble())
	case mode != Local:
		return g.askStrictly(ctx, v)
	case answer == cache.Clear:
		g.metrics.allowedLocally.Inc()
		return v.identity, nil
	}
	return g.ask(ctx, v)
}

// verify checks signature and claims, once per token and key set; expiry, and
// that the key was not withdrawn, every time.
func (g *Guard) verify(ctx context.Context, raw string) (*verified, error) {
	if v, ok := g.tokens.Get(raw); ok && v.claims.KeyTrusted() {
		if err := g.verifier.CheckExpiry(&v.claims); err != nil {
			return nil, refusal(err)
		}
		return v, nil
	}
	claims, err := g.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, refusal(err)
	}
	v := &verified{claims: claims, identity: identityOf(&claims), token: g.token(&claims, raw)}
	g.tokens.Put(raw, v)
	return v, nil
}

// token is what the copy is asked about. The first of its ids covers this token
// alone.
func (g *Guard) token(c *token.Claims, raw string) cache.Token {
	return cache.Token{
		IDs: [...]cache.Key{
			g.tokenID(c, raw),
			g.key(events.ScopeSession, c.Issuer, "", c.SessionID),
			g.key(events.ScopeKey, c.Issuer, "", c.KeyID),
		},
		User:   g.key(events.ScopeUser, c.Issuer, c.Tenant, c.Subject),
		Tenant: g.key(events.ScopeTenant, c.Issuer, "", c.Tenant),
		All:    g.key(events.ScopeAll, c.Issuer, "", events.Everybody),
		Stamp:  c.IssuedAtMillis,
	}
}

// tokenID stands for the jti. A foreign token without one is told by what its
// issuer has signed: the signature itself may be written in more than one way.
func (g *Guard) tokenID(c *token.Claims, raw string) cache.Key {
	if c.ID == "" {
		return g.keys.Of("signed", c.Issuer, raw[:max(0, strings.LastIndexByte(raw, '.'))])
	}
	return g.key(events.ScopeToken, c.Issuer, "", c.ID)
}

func (g *Guard) key(scope events.Scope, issuer, tenant, subject string) cache.Key {
	return g.keys.Within(string(scope), issuer, tenant, subject)
}

// hold takes a revocation into the copy.
func (g *Guard) hold(r events.Revocation) {
	key := g.key(r.Scope, r.Issuer, r.Tenant, r.Subject)
	at := cache.Cutoff{End: r.Stamp}
	if r.Mode == events.ModeRefresh {
		at = cache.Cutoff{Refresh: r.Stamp}
	}
	switch r.Scope {
	case events.ScopeUser:
		g.copy.Cut(key, at, g.lifeOf(r))
	case events.ScopeTenant, events.ScopeAll:
		g.copy.CutWide(key, at, g.lifeOf(r))
	case events.ScopeKey:
		g.revokedKeys.note(key, r, g.lifeOf(r))
		g.copy.Add(key, g.lifeOf(r))
	default:
		g.copy.Add(key, g.lifeOf(r))
	}
}
