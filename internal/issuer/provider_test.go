package issuer_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// A provider is somebody else's issuer.
type provider struct {
	url    string
	key    ed25519.PrivateKey
	broken atomic.Bool
	hidden atomic.Bool // the key is not published yet
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{}
	public, private, err := ed25519.GenerateKey(nil)
	testenv.Must(t, err)
	p.key = private
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if p.broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		kid := "k-1"
		if p.hidden.Load() {
			kid = "k-0"
		}
		testenv.Must(t, json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]any{
			"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": base64.RawURLEncoding.EncodeToString(public),
		}}}))
	}))
	t.Cleanup(s.Close)
	p.url = s.URL
	return p
}

func (p *provider) trusted() config.TrustedIssuers {
	return config.TrustedIssuers{{Issuer: p.url, JWKSURL: p.url, Audience: "api", MaxLifetime: 15 * time.Minute, IATOptional: true}}
}

// token signs claims over those of a good token; nil leaves one out.
func (p *provider) token(t *testing.T, change map[string]any) string {
	t.Helper()
	now := time.Now().Unix()
	c := jwt.MapClaims{"iss": p.url, "aud": "api", "sub": "u-1", "sid": uuid.NewString(), "jti": uuid.NewString(), "iat": now, "exp": now + 600}
	maps.Copy(c, change)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	unsigned := jwt.NewWithClaims(jwt.SigningMethodEdDSA, c)
	unsigned.Header["kid"], unsigned.Header["typ"] = "k-1", "at+jwt"
	raw, err := unsigned.SignedString(p.key)
	testenv.Must(t, err)
	return raw
}

// awaitKeys waits until the issuer has the keys of a trusted issuer.
func (b *bench) awaitKeys(t *testing.T, p *provider) {
	t.Helper()
	testenv.Eventually(t, patience, func() error {
		if a := b.post(t, "/oauth2/revoke", "", "token", p.token(t, nil)); a.status != http.StatusOK {
			return errStatus(a.status)
		}
		return nil
	})
}
