package guard_test

import (
	"crypto"
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

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// A provider is somebody else's issuer, with discovery and keys over HTTP.
type provider struct {
	t      *testing.T
	url    string
	key    atomic.Pointer[providerKey]
	broken atomic.Bool // answers 503
}

type providerKey struct {
	id      string
	private ed25519.PrivateKey
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{t: t}
	p.rotate("k-1")
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	p.url = s.URL
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.answer(w, map[string]any{"issuer": p.url, "jwks_uri": p.url + "/certs"})
	})
	mux.HandleFunc("/certs", func(w http.ResponseWriter, _ *http.Request) {
		k := p.key.Load()
		x := base64.RawURLEncoding.EncodeToString(k.private.Public().(ed25519.PublicKey))
		p.answer(w, map[string]any{"keys": []any{map[string]any{"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": k.id, "x": x}}})
	})
	return p
}

func (p *provider) answer(w http.ResponseWriter, body any) {
	if p.broken.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	_ = json.NewEncoder(w).Encode(body)
}

func (p *provider) rotate(kid string) {
	p.t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	testenv.Must(p.t, err)
	p.key.Store(&providerKey{kid, private})
}

// trusted is how a guard is told of it.
func (p *provider) trusted() guard.TrustedIssuer {
	return guard.TrustedIssuer{
		Issuer: p.url, Audience: api, MaxLifetime: time.Hour, Types: []string{"JWT"},
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

type claims = map[string]any

// token mints one, of u-1 with sid s-1 and jti j-1 unless told otherwise; nil
// leaves a claim out.
func (p *provider) token(change claims) string { return p.signedBy(p.key.Load().private, change) }

func (p *provider) signedBy(key crypto.PrivateKey, change claims) string {
	p.t.Helper()
	now := time.Now().Unix()
	c := claims{
		"iss": p.url, "aud": api, "sub": "u-1", "sid": "s-1", "jti": "j-1", "iat": now, "exp": now + 600, "typ": "Bearer",
		"realm_access": claims{"roles": []string{"admin"}}, "scope": "read",
	}
	maps.Copy(c, change)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims(c))
	t.Header["kid"] = p.key.Load().id
	raw, err := t.SignedString(key)
	testenv.Must(p.t, err)
	return raw
}
