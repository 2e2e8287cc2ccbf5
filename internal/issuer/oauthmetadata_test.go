package issuer_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/port"
)

func decode(text string, into any) error { return json.Unmarshal([]byte(text), into) }

type errStatus int

func (e errStatus) Error() string { return fmt.Sprintf("status %d", int(e)) }

// part decodes the header (0) or the payload (1) of a JWT.
func part(t *testing.T, raw string, n int) (m map[string]any) {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[n])
	testenv.Must(t, err)
	testenv.Must(t, decode(string(text), &m))
	return m
}

func payload(t *testing.T, raw string) map[string]any { return part(t, raw, 1) }

// forged is the token with another signature.
func forged(raw string) string {
	at := strings.LastIndexByte(raw, '.') + 1
	return raw[:at] + strings.Map(func(r rune) rune {
		if r == 'A' {
			return 'B'
		}
		return 'A'
	}, raw[at:len(raw)-1]) + "A"
}

// stored lists the keys of the store that match.
func (b *bench) stored(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := b.redis(t).Keys(t.Context(), pattern).Result()
	testenv.Must(t, err)
	return found
}

func (b *bench) redis(t *testing.T) *redis.Client {
	t.Helper()
	opts, err := redis.ParseURL(b.store.URL())
	testenv.Must(t, err)
	rdb := redis.NewClient(opts)
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// forget makes the store lose a session, as a failover may.
func (b *bench) forget(t *testing.T, sid string) {
	t.Helper()
	found := b.stored(t, "*s:"+sid)
	if len(found) != 1 {
		t.Fatalf("keys of the session: %q", found)
	}
	testenv.Must(t, b.redis(t).Del(t.Context(), found...).Err())
}

// Every endpoint that the metadata names answers, at its very address, as the
// RFC behind its name says.
func TestMetadataTellsTheTruth(t *testing.T) {
	b := start(t, nil)
	a := call{url: b.url + "/.well-known/oauth-authorization-server"}.do(t)
	a.same(t, "metadata", map[string]any{
		"issuer": b.url, "jwks_uri": b.url + "/.well-known/jwks.json", "response_types_supported": []any{},
		"token_endpoint": b.url + "/oauth2/token", "token_endpoint_auth_methods_supported": []any{"none"},
		"grant_types_supported": []any{"refresh_token"},
		"revocation_endpoint":   b.url + "/oauth2/revoke", "revocation_endpoint_auth_methods_supported": []any{"none"},
		"introspection_endpoint": b.url + "/oauth2/introspect", "introspection_endpoint_auth_methods_supported": []any{"Bearer"},
	})
	var meta map[string]any
	testenv.Must(t, decode(a.body, &meta))
	g, ended := b.login(t, "alice", ""), b.login(t, "alice", "")
	if payload(t, g.AccessToken)["iss"] != meta["issuer"] {
		t.Error("tokens have another issuer")
	}
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	calls := map[string]call{
		"jwks_uri":               {},
		"token_endpoint":         {body: "grant_type=refresh_token&refresh_token=" + g.RefreshToken, header: form},
		"introspection_endpoint": {body: "token=" + g.AccessToken, header: form, bearer: b.admin},
		"revocation_endpoint":    {body: "token=" + ended.RefreshToken, header: form},
	}
	for name, value := range meta {
		if !strings.HasSuffix(name, "_endpoint") && !strings.HasSuffix(name, "_uri") {
			continue
		}
		c, known := calls[name]
		if !known {
			t.Errorf("no call for %s", name)
			continue
		}
		c.url = value.(string)
		c.do(t).want(t, name, http.StatusOK, "")
	}
}

// With a listener of their own, introspection is where the admin calls are.
func TestMetadataWithAdminListener(t *testing.T) {
	free, err := port.FreeN(1)
	testenv.Must(t, err)
	b := start(t, func(cfg *config.Issuer) { cfg.AdminListen = port.Loopback(free[0]) })
	a := call{url: b.url + "/.well-known/oauth-authorization-server"}.do(t)
	if strings.Contains(a.body, "introspection") {
		t.Errorf("the metadata name it: %s", a.body)
	}
	call{method: "POST", url: b.url + "/oauth2/introspect", bearer: b.admin}.do(t).want(t, "on the public listener", http.StatusNotFound, "not_found")
	b.wantInactive(t, map[string][2]string{"on the admin listener": {b.admin, "unknown"}})
}

// RFC 9068 sections 2.1 and 2.2, and the claims that are ours.
func TestAccessTokenProfile(t *testing.T) {
	b := start(t, nil)
	standard := []string{"iss", "exp", "aud", "sub", "client_id", "iat", "jti"}
	ours := []string{"sid", "iat_ms", "tid", "rgn", "did", "roles"}
	for scope, more := range map[string][]string{"": nil, "read write": {"scope"}} {
		g := b.open(t, "u1", "", scope)
		header := part(t, g.AccessToken, 0)
		if header["typ"] != "at+jwt" || header["alg"] != "EdDSA" || header["kid"] == "" || len(header) != 3 {
			t.Errorf("header %v", header)
		}
		claims := payload(t, g.AccessToken)
		want := slices.Sorted(slices.Values(slices.Concat(standard, ours, more)))
		if got := slices.Sorted(maps.Keys(claims)); !slices.Equal(got, want) {
			t.Errorf("scope %q: claims %v, want %v", scope, got, want)
		}
		lifetime := claims["exp"].(float64) - claims["iat"].(float64)
		if claims["iss"] != b.url || claims["sub"] != "u1" || claims["client_id"] != "curfew" || lifetime != float64(g.ExpiresIn) ||
			fmt.Sprint(claims["aud"]) != "[curfew]" || scope != "" && claims["scope"] != scope {
			t.Errorf("claims %v", claims)
		}
	}
}
