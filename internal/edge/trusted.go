package edge

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/url"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/loopback"
)

// trusted tells the guard of other issuers.
func trusted(list config.TrustedIssuers, log *slog.Logger) (out []guard.TrustedIssuer, err error) {
	for _, t := range list {
		server, err := t.Server().Config(log)
		if err != nil {
			return nil, fmt.Errorf("trusted_issuers: %s: %w", t.Issuer, err)
		}
		out = append(out, guard.TrustedIssuer{
			Issuer: t.Issuer, Audience: t.Audience, MaxLifetime: t.MaxLifetime,
			JWKSURL: t.JWKSURL, TLS: server, Algorithms: t.Algorithms, Types: t.HeaderTypes(),
			Claims: guard.Claims{
				User: t.Claims.User, Session: t.Claims.Session, Tenant: t.Claims.Tenant, Roles: t.Claims.Roles, Scope: t.Claims.Scope,
			},
			DefaultTenant: t.DefaultTenant, ClockSkew: t.ClockSkew, IATOptional: t.IATOptional,
		})
	}
	return out, nil
}

// warnOfPlainKeys: whoever can change what comes over http can put keys of
// their own there, and sign for anybody.
func warnOfPlainKeys(list config.TrustedIssuers, log *slog.Logger) {
	for _, t := range list {
		u, err := url.Parse(cmp.Or(t.JWKSURL, t.Issuer))
		if err != nil || u.Scheme != "http" {
			continue
		}
		if !loopback.Is(u.Hostname()) {
			log.Warn("trusted_issuers: keys come over http: whoever is on the way can replace them", "issuer", t.Issuer)
		}
	}
}
