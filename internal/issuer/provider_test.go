package issuer_test

import (
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/idp"
)

// A provider is an issuer that ours trusts.
type provider struct{ *idp.Issuer }

func newProvider(t *testing.T) *provider {
	t.Helper()
	return &provider{idp.New(t)}
}

func (p *provider) trusted() config.TrustedIssuers {
	return config.TrustedIssuers{{
		Issuer: p.URL, JWKSURL: p.KeysURL, Audience: "api", MaxLifetime: 15 * time.Minute, IATOptional: true, Types: []string{"JWT"},
	}}
}

// token is one of a new session, but for what change says.
func (p *provider) token(change idp.Claims) string {
	c := idp.Claims{"aud": "api", "sid": uuid.NewString(), "jti": uuid.NewString()}
	maps.Copy(c, change)
	return p.Token(c)
}

// awaitKeys waits until the issuer has the keys of a trusted issuer.
func (b *bench) awaitKeys(t *testing.T, p *provider) {
	t.Helper()
	testenv.Eventually(t, patience, func() error {
		if a := b.post(t, "/oauth2/revoke", "", "token", p.token(nil)); a.status != http.StatusOK {
			return errStatus(a.status)
		}
		return nil
	})
}
