package issuer

import (
	"cmp"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/front"
)

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

// of makes a revocation one of an issuer's tokens, if that is not us.
func of(foreign config.TrustedIssuer, r events.Revocation) events.Revocation {
	if foreign.Issuer != "" {
		r.Issuer, r.TTLMillis = foreign.Issuer, (foreign.MaxLifetime + commit.Margin).Milliseconds()
	}
	return r
}
