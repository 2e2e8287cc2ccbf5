// Package idp is somebody else's issuer, for tests: discovery, keys and tokens.
package idp

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

	"github.com/curfew-auth/curfew/internal/testenv"
)

// Claims of a token; a nil value leaves a claim out.
type Claims = map[string]any

// An Issuer publishes one key, and signs with it.
type Issuer struct {
	URL     string
	KeysURL string
	Broken  atomic.Bool // it answers 503
	Hidden  atomic.Bool // its key is not published yet

	t   testing.TB
	key atomic.Pointer[signingKey]
}

type signingKey struct {
	id      string
	private ed25519.PrivateKey
}

// New starts one, whose key is k-1. It ends with the test.
func New(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{t: t}
	i.Rotate("k-1")
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	i.URL, i.KeysURL = s.URL, s.URL+"/certs"
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		i.answer(w, Claims{"issuer": i.URL, "jwks_uri": i.KeysURL})
	})
	mux.HandleFunc("/certs", func(w http.ResponseWriter, _ *http.Request) { i.answer(w, Claims{"keys": []any{i.published()}}) })
	return i
}

func (i *Issuer) answer(w http.ResponseWriter, body any) {
	if i.Broken.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	_ = json.NewEncoder(w).Encode(body)
}

func (i *Issuer) published() Claims {
	k := i.key.Load()
	kid := k.id
	if i.Hidden.Load() {
		kid = "another"
	}
	x := base64.RawURLEncoding.EncodeToString(k.private.Public().(ed25519.PublicKey))
	return Claims{"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": kid, "x": x}
}

// Rotate puts a new key in the place of the old one.
func (i *Issuer) Rotate(kid string) {
	i.t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	testenv.Must(i.t, err)
	i.key.Store(&signingKey{kid, private})
}

// Token signs one that is good for ten minutes, but for what change says.
func (i *Issuer) Token(change Claims) string { return i.SignedBy(i.Key(), change) }

// SignedBy is Token, by a key that need not be the issuer's.
func (i *Issuer) SignedBy(key crypto.PrivateKey, change Claims) string {
	i.t.Helper()
	now := time.Now().Unix()
	c := Claims{"iss": i.URL, "sub": "u-1", "sid": "s-1", "jti": "j-1", "iat": now, "exp": now + 600}
	maps.Copy(c, change)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims(c))
	t.Header["kid"] = i.key.Load().id
	raw, err := t.SignedString(key)
	testenv.Must(i.t, err)
	return raw
}

// Key is what signs now.
func (i *Issuer) Key() crypto.PrivateKey { return i.key.Load().private }
