package guard

import (
	"crypto/tls"
	"sync"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/token"
)

// A TrustedIssuer is an issuer that is not Curfew's, such as Keycloak's, whose
// access tokens are accepted too. Its ids are its own: what is revoked of
// another issuer does not concern its tokens, and Identity.Issuer tells its
// users from those of others. docs/foreign-tokens.md says what is checked.
type TrustedIssuer struct {
	Issuer   string // the iss of its tokens
	Audience string // the aud that they must have
	// MaxLifetime is how long they may live, 30 days at most; longer ones are
	// refused. It must be what the Curfew issuers have in trusted_issuers.
	MaxLifetime time.Duration

	// JWKSURL is where its keys are. Default: what its OpenID Connect
	// discovery document says.
	JWKSURL string
	// TLS verifies the servers of its keys and of that document; default: by the
	// system's authorities.
	TLS        *tls.Config
	Algorithms []string // default: RS256, ES256 and EdDSA
	// Types are the values of the header typ that access tokens have, the
	// empty one for none. Default: at+jwt.
	Types  []string
	Claims Claims
	// DefaultTenant is that of tokens that name none. Default: "default" if
	// Claims.Tenant is not set, else such tokens are refused.
	DefaultTenant string
	// ClockSkew is how far its clock may be ahead of the store's and of this
	// node's; default 5s, at most 5m. A token stamped further ahead is refused,
	// and so is a login within that time after a cutoff. It must be what the
	// Curfew issuers have in trusted_issuers.
	ClockSkew time.Duration
	// IATOptional accepts tokens without iat. Every cutoff covers them, and
	// that they live no longer than MaxLifetime is taken on trust.
	IATOptional bool
}

// Claims say where a token has something: each is the path to a claim, such as
// {"realm_access", "roles"}.
type Claims struct {
	User    []string // default sub
	Session []string // default sid
	Tenant  []string // default nowhere
	Roles   []string // default roles
	Scope   []string // default scope
}

func (t TrustedIssuer) rules(keys token.KeySource) token.ForeignConfig {
	return token.ForeignConfig{
		Issuer: t.Issuer, Audience: t.Audience, Keys: keys, Algorithms: t.Algorithms, Types: t.Types,
		User: t.Claims.User, Session: t.Claims.Session, Tenant: t.Claims.Tenant, Roles: t.Claims.Roles, Scope: t.Claims.Scope,
		DefaultTenant: t.DefaultTenant, MaxLifetime: t.MaxLifetime, ClockSkew: t.ClockSkew, IATOptional: t.IATOptional,
	}.WithDefaults()
}

// openTrusted makes the sources of the others' keys, and the rules for all.
func (g *Guard) openTrusted(own *token.Verifier) (err error) {
	var rules []token.ForeignConfig
	g.lives = make(map[string]*life, len(g.config.TrustedIssuers))
	for _, t := range g.config.TrustedIssuers {
		keys := token.NewForeignKeys(t.Issuer, t.JWKSURL, token.KeysClient(t.TLS), g.config.Log)
		g.foreign = append(g.foreign, keys)
		of := t.rules(keys)
		rules = append(rules, of)
		g.lives[t.Issuer] = &life{least: of.Life()}
	}
	g.verifier, err = token.NewIssuers(own, rules...)
	return err
}

// A life is how long a revocation of a trusted issuer's tokens must live, by
// the settings of this node.
type life struct {
	least      time.Duration
	complained sync.Once
}

// lifeOf is how long this node keeps a revocation: as long as the entry says,
// or as long as the tokens live that this node accepts. If that is longer, the
// Curfew issuers have other settings, and the log may forget the entry early.
func (g *Guard) lifeOf(r events.Revocation) time.Duration {
	of := g.lives[r.Issuer]
	if of == nil || r.TTL() >= of.least {
		return r.TTL()
	}
	of.complained.Do(func() {
		g.config.Log.Error("trusted_issuers: max_lifetime or clock_skew is larger here than at the Curfew issuer: a node that starts later may accept a revoked token; set both to the same values everywhere",
			"issuer", r.Issuer, "revocation_lives", r.TTL(), "needed_here", of.least)
	})
	return of.least
}
