package guard

import (
	"cmp"
	"slices"
	"time"

	"github.com/curfew-auth/curfew/internal/token"
)

// A TrustedIssuer is an issuer that is not Curfew's, such as Keycloak's, whose
// access tokens are accepted too. Its ids are its own: what is revoked of
// another issuer does not concern its tokens, and Identity.Issuer tells its
// users from those of others. docs/foreign-tokens.md says what is checked.
type TrustedIssuer struct {
	Issuer   string // the iss of its tokens
	Audience string // the aud that they must have
	// MaxLifetime is how long they may live; longer ones are refused. It must
	// be what the Curfew issuers have in trusted_issuers.
	MaxLifetime time.Duration

	// JWKSURL is where its keys are. Default: what its OpenID Connect
	// discovery document says.
	JWKSURL    string
	Algorithms []string // default: RS256, ES256 and EdDSA
	// Types are the values of the header typ that access tokens have, the
	// empty one for none. Default: at+jwt.
	Types  []string
	Claims Claims
	// DefaultTenant is that of tokens that name none. Default: "default" if
	// Claims.Tenant is not set, else such tokens are refused.
	DefaultTenant string
	// ClockSkew is how far its clock may be ahead of the store's; default
	// 5s. A login within that time after a cutoff is refused.
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

const (
	defaultTenant    = "default"
	defaultClockSkew = 5 * time.Second
)

func (t TrustedIssuer) rules(keys token.KeySource) token.ForeignConfig {
	or := func(given []string, otherwise ...string) []string {
		if len(given) > 0 {
			return slices.Clone(given)
		}
		return otherwise
	}
	tenant := t.DefaultTenant
	if len(t.Claims.Tenant) == 0 {
		tenant = cmp.Or(tenant, defaultTenant)
	}
	return token.ForeignConfig{
		Issuer: t.Issuer, Audience: t.Audience, Keys: keys,
		Algorithms: or(t.Algorithms, token.RS256, token.ES256, token.EdDSA), Types: or(t.Types, "at+jwt"),
		User: or(t.Claims.User, "sub"), Session: or(t.Claims.Session, "sid"), Tenant: or(t.Claims.Tenant),
		Roles: or(t.Claims.Roles, "roles"), Scope: or(t.Claims.Scope, "scope"),
		DefaultTenant: tenant, MaxLifetime: t.MaxLifetime,
		ClockSkew: cmp.Or(t.ClockSkew, defaultClockSkew), IATOptional: t.IATOptional,
	}
}

// openTrusted makes the sources of the others' keys, and the rules for all.
func (g *Guard) openTrusted(own *token.Verifier) (err error) {
	var rules []token.ForeignConfig
	for _, t := range g.config.TrustedIssuers {
		keys := token.NewForeignKeys(t.Issuer, t.JWKSURL, g.config.Log)
		g.foreign = append(g.foreign, keys)
		rules = append(rules, t.rules(keys))
	}
	g.verifier, err = token.NewIssuers(own, rules...)
	return err
}
