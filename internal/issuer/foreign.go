package issuer

import (
	"cmp"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/token"
)

// The lives that package token computes are for what a commit's margin covers.
const _ = uint64(commit.Margin - token.Margin)

// others are the trusted issuers.
type others struct {
	ending *token.Issuers // of tokens that are to end, theirs and ours
	rules  map[string]token.ForeignConfig
	keys   []*token.RemoteKeys
}

// openTrusted makes the rules for the tokens of trusted issuers, with the edges'
// defaults: what an edge accepts can be ended here by whoever holds it.
func (i *Issuer) openTrusted() (err error) {
	var rules []token.ForeignConfig
	i.others.rules = make(map[string]token.ForeignConfig, len(i.config.TrustedIssuers))
	for _, t := range i.config.TrustedIssuers {
		server, err := t.Server().Config(i.log)
		if err != nil {
			return fmt.Errorf("trusted_issuers: %s: %w", t.Issuer, err)
		}
		keys := token.NewForeignKeys(t.Issuer, t.JWKSURL, token.KeysClient(server), i.log)
		of := rulesOf(t, keys)
		i.others.rules[t.Issuer] = of
		if knowsTokens(t) {
			rules, i.others.keys = append(rules, of), append(i.others.keys, keys)
		}
	}
	i.others.ending, err = token.NewIssuers(i.verifier, rules...)
	return err
}

// knowsTokens reports whether an entry says which tokens edges accept. An issuer
// can do without, and then cannot tell what a token is.
func knowsTokens(t config.TrustedIssuer) bool { return t.Audience != "" }

func rulesOf(t config.TrustedIssuer, keys token.KeySource) token.ForeignConfig {
	return token.ForeignConfig{
		Issuer: t.Issuer, Audience: t.Audience, Keys: keys, Algorithms: t.Algorithms, Types: t.HeaderTypes(),
		User: t.Claims.User, Session: t.Claims.Session, Tenant: t.Claims.Tenant, Roles: t.Claims.Roles, Scope: t.Claims.Scope,
		DefaultTenant: t.DefaultTenant, MaxLifetime: t.MaxLifetime, ClockSkew: t.ClockSkew, IATOptional: t.IATOptional,
	}.WithDefaults()
}

// foreign finds the issuer whose tokens a request is about, if that is not us,
// and fills in the tenant that its users have without one. A revocation lives
// as long as the tokens of its issuer, which we know only of those that are
// configured. Their tenants are not ours, so an admin of one of ours may do
// nothing here.
func (i *Issuer) foreign(c *fiber.Ctx, req *revokeRequest) (config.TrustedIssuer, error) {
	if req.Issuer == i.config.IssuerURL {
		req.Issuer = ""
	}
	if req.Issuer == "" {
		return config.TrustedIssuer{}, nil
	}
	if err := i.within(c, ""); err != nil {
		return config.TrustedIssuer{}, err
	}
	of, known := i.config.TrustedIssuers.Find(req.Issuer)
	if req.Scope == events.ScopeUser {
		req.Tenant = cmp.Or(req.Tenant, of.Tenant())
	}
	switch {
	case !known:
		return of, front.BadRequest("issuer is none of trusted_issuers")
	case req.Scope == scopeDevice:
		return of, front.BadRequest("scope device is for our own sessions: those of another issuer are not known here")
	case req.DryRun:
		return of, front.BadRequest("dry_run counts sessions, and those of another issuer are not known here")
	case req.Scope == events.ScopeUser && req.Tenant == "":
		return of, front.BadRequest("tenant is required: the tokens of this issuer name it, and default_tenant is not set")
	}
	return of, nil
}

// of makes a revocation one of an issuer's tokens, if that is not us. It lives as
// long as any of them.
func (i *Issuer) of(foreign config.TrustedIssuer, r events.Revocation) events.Revocation {
	if foreign.Issuer != "" {
		r.Issuer, r.TTLMillis = foreign.Issuer, i.others.rules[foreign.Issuer].Life().Milliseconds()
	}
	return r
}
