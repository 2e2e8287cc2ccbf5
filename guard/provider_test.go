package guard_test

import (
	"maps"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/testenv/idp"
)

// A provider is an issuer that a guard trusts.
type provider struct{ *idp.Issuer }

type claims = idp.Claims

func newProvider(t *testing.T) *provider {
	t.Helper()
	return &provider{idp.New(t)}
}

// trusted is how a guard is told of it.
func (p *provider) trusted() guard.TrustedIssuer {
	return guard.TrustedIssuer{
		Issuer: p.URL, Audience: api, MaxLifetime: time.Hour, Types: []string{"JWT"},
		Claims: guard.Claims{Roles: []string{"realm_access", "roles"}, Tenant: []string{"org"}}, DefaultTenant: "default", IATOptional: true,
	}
}

func trusting(providers ...*provider) func(*guard.Config) {
	return func(c *guard.Config) {
		for _, p := range providers {
			c.TrustedIssuers = append(c.TrustedIssuers, p.trusted())
		}
	}
}

// token is one of u-1 with sid s-1 and jti j-1, unless told otherwise.
func (p *provider) token(change claims) string { return p.Token(usual(change)) }

// usual are the claims of a token for the tests' audience.
func usual(change claims) claims {
	c := claims{"aud": api, "typ": "Bearer", "realm_access": claims{"roles": []string{"admin"}}, "scope": "read"}
	maps.Copy(c, change)
	return c
}
