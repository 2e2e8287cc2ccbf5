package edge

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofiber/fiber/v2/utils"
	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/front"
)

func testAssertor(t testing.TB, file string) *assertor {
	t.Helper()
	var cfg config.Edge
	config.Defaults(&cfg)
	cfg.EdgeID, cfg.Assertion, cfg.AssertionKey = "edge-1", "orders", file
	a, err := newAssertor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// verify is what a service does with an assertion and the edge's JWKS.
func verify(t *testing.T, jwks []byte, text string) jwt.MapClaims {
	t.Helper()
	var set struct {
		Keys []struct{ Kty, Crv, X, Kid, Alg, Use, D string }
	}
	if err := json.Unmarshal(jwks, &set); err != nil || len(set.Keys) != 1 || set.Keys[0].D != "" || set.Keys[0].Alg != "EdDSA" {
		t.Fatalf("%s, %v", jwks, err)
	}
	x, err := base64.RawURLEncoding.DecodeString(set.Keys[0].X)
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.MapClaims{}
	parsed, err := jwt.ParseWithClaims(text, claims, func(*jwt.Token) (any, error) { return ed25519.PublicKey(x), nil },
		jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithAudience("orders"), jwt.WithIssuer("urn:curfew:edge:edge-1"), jwt.WithExpirationRequired())
	if err != nil || parsed.Header["typ"] != "curfew-assertion+jwt" || parsed.Header["kid"] != set.Keys[0].Kid {
		t.Fatalf("%q: %v, %v", text, parsed.Header, err)
	}
	return claims
}

// A door and the proxy give the same statement, which the published key proves.
func TestAssertionsAreVerifiable(t *testing.T) {
	a := testAssertor(t, "")
	app := front.NewApp(front.AppConfig{Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	app.Get("/.well-known/jwks.json", a.jwks)
	(&doors{check: checkPeople, names: newNaming("X-Curfew-"), asserts: a}).register(app)
	ask := func(path, token string) (*http.Response, []byte) {
		req := httptest.NewRequest(http.MethodGet, path, http.NoBody)
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := app.Test(req, -1)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body := make([]byte, 4096)
		n, _ := res.Body.Read(body)
		return res, body[:n]
	}
	_, jwks := ask("/.well-known/jwks.json", "")
	var texts []string
	for _, person := range []string{"alice", "bare", "alice"} {
		for _, path := range []string{"/authz/forward", "/authz/nginx", "/authz/envoy/x"} {
			res, _ := ask(path, person)
			text := res.Header.Get("X-Curfew-Assertion")
			claims, id := verify(t, jwks, text), people[person].id
			if claims["sub"] != id.UserID || claims["sid"] != id.SessionID || claims["tid"] != id.Tenant || claims["scope"] != id.Scope || len(claims["roles"].([]any)) != len(id.Roles) {
				t.Errorf("%s: %v", person, claims)
			}
			texts = append(texts, text)
		}
	}
	if texts[0] != texts[8] || texts[0] == texts[3] {
		t.Error("not one for each token")
	}
	if res, _ := ask("/authz/forward", "revoked"); res.Header.Get("X-Curfew-Assertion") != "" {
		t.Error("asserted of a revoked token")
	}
}

func TestTheUpstreamGetsTheAssertion(t *testing.T) {
	got := make(chan http.Header, 1)
	g := serveWith(t, func(_ http.ResponseWriter, r *http.Request) { got <- r.Header }, nil)
	for _, asserts := range []*assertor{nil, testAssertor(t, "")} {
		g.asserts = asserts
		send(t, http.MethodGet, g.url+"/", http.Header{"X-Curfew-Assertion": {"forged"}, "X_curfew_assertion": {"forged"}, "Connection": {"X-Curfew-Assertion"}}, "")
		h := <-got
		if values := h.Values("X-Curfew-Assertion"); asserts != nil && (len(values) != 1 || strings.Count(values[0], ".") != 2) || asserts == nil && len(values) > 0 || len(h["X_curfew_assertion"]) > 0 {
			t.Errorf("wanted %v: %v", asserts != nil, h)
		}
	}
}

// A statement is used again for half of its life, and no longer.
func TestAssertionsAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, id := testAssertor(t, ""), people["alice"].id
		first, err := a.of("token", &id)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(assertionAge - time.Second)
		if text, _ := a.of("token", &id); text != first {
			t.Error("made anew before its time")
		}
		time.Sleep(time.Second)
		if text, _ := a.of("token", &id); text == first {
			t.Error("used for longer than half of its life")
		}
		other := guard.Identity{UserID: "u-9"}
		if text, _ := a.of("another", &other); text == first {
			t.Error("one for two tokens")
		}
	})
}

// The token lies in a buffer that the next request gets.
func TestAssertionsKeepTheirToken(t *testing.T) {
	a, id := testAssertor(t, ""), people["alice"].id
	buffer := []byte("token-of-alice")
	if _, err := a.of(utils.UnsafeString(buffer), &id); err != nil {
		t.Fatal(err)
	}
	copy(buffer, "token-of-mallo")
	if _, kept := a.made.Get("token-of-alice"); !kept {
		t.Error("the key changed with the buffer")
	}
}

func TestAssertionKeys(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	write := func(text []byte) {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if one, two := testAssertor(t, file), testAssertor(t, file); one.kid != two.kid || !one.key.Equal(key) {
		t.Error("two edges with one key differ")
	}
	if one, two := testAssertor(t, ""), testAssertor(t, ""); one.kid == two.kid {
		t.Error("two edges without a file have the same key")
	}
	for _, bad := range []string{"", "secret words", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"} {
		write([]byte(bad))
		if _, err := assertionKey(file); err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func BenchmarkAssertion(b *testing.B) {
	a, id := testAssertor(b, ""), people["alice"].id
	raw := strings.Repeat("t", 700)
	b.Run("kept", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := a.of(raw, &id); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("made", func(b *testing.B) {
		for b.Loop() {
			a.made.Purge()
			if _, err := a.of(raw, &id); err != nil {
				b.Fatal(err)
			}
		}
	})
}
