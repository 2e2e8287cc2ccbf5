package e2e_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// A provider is an issuer that is not Curfew's, such as Keycloak's. All have
// the same kid.
type provider struct {
	url string
	key *rsa.PrivateKey
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	testenv.Must(t, err)
	mux := http.NewServeMux()
	s := secureServer(t, mux)
	serve := func(path string, body any) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(body) })
	}
	serve("/realms/a/.well-known/openid-configuration", map[string]any{"issuer": s.URL + "/realms/a", "jwks_uri": s.URL + "/certs"})
	serve("/certs", map[string]any{"keys": []any{map[string]any{
		"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "k-1", "e": "AQAB", "n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
	}}})
	return &provider{url: s.URL + "/realms/a", key: key}
}

// trustedIssuers is the setting for issuers and edges.
func trustedIssuers(providers []*provider) string {
	list := []map[string]any{}
	for _, p := range providers {
		list = append(list, map[string]any{
			"issuer": p.url, "ca": authority(), "audience": "api", "max_lifetime": "30m", "types": []string{"JWT"},
			"claims": map[string]any{"roles": "realm_access.roles"},
		})
	}
	return toJSON(list)
}

// token is as Keycloak makes them. nil leaves a claim out.
func (p *provider) token(t *testing.T, c *cluster, change map[string]any) string {
	t.Helper()
	claims := jwt.MapClaims{
		"iss": p.url, "aud": []string{"account", "api"}, "sub": "id-alice", "sid": "kc-session", "jti": "kc-token", "typ": "Bearer",
		"iat": time.Now().Unix() - 60, "exp": time.Now().Unix() + 600, "realm_access": map[string]any{"roles": []string{"clerk"}},
	}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = "k-1"
	raw, err := token.SignedString(p.key)
	testenv.Must(t, err)
	c.secrets.remember("a token of another issuer", raw)
	return raw
}

// trustOthers: two other issuers' tokens pass at every edge and are revoked on
// their own, though jti, sid, user and kid are the same.
func trustOthers(t *testing.T, c *cluster) {
	a, b := c.providers[0], c.providers[1]
	mine := c.login(t, c.issuers[0], "alice")
	of := func(p *provider, change map[string]any) grant {
		return grant{AccessToken: p.token(t, c, change), SessionID: "kc-session", UserID: "id-alice"}
	}
	theirs := of(b, nil)
	for n, r := range []struct {
		body   map[string]string
		change map[string]any
	}{
		{map[string]string{"scope": "token", "id": "kc-token"}, nil},
		{map[string]string{"scope": "session", "id": "kc-session"}, map[string]any{"jti": nil}},
		{map[string]string{"scope": "user", "id": "id-alice"}, map[string]any{"jti": nil, "sid": "kc-second"}},
	} {
		g := of(a, r.change)
		if n == 2 {
			g.SessionID = "kc-second"
		}
		c.mustAccept(t, g)
		r.body["issuer"] = a.url
		call := call{url: c.issuers[n%2].url + "/admin/v1/revocations", bearer: c.admin, body: toJSON(r.body)}
		mustCommit(t, c.do(t, call), r.body["scope"], r.body["id"])
		c.mustRefuse(t, g)
	}
	own := of(a, map[string]any{"jti": "kc-held", "sid": "kc-third", "sub": "id-bob"}) // by whoever holds it
	own.SessionID, own.UserID = "kc-third", "id-bob"
	c.mustAccept(t, own)
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	testenv.Eventually(t, time.Minute, func() error { // the issuer may not have the keys yet
		res := c.do(t, call{url: c.issuers[1].url + "/oauth2/revoke", body: "token=" + own.AccessToken, header: form})
		if res.status != http.StatusOK {
			return errors.New(string(res.body))
		}
		return nil
	})
	c.mustRefuse(t, own)
	c.mustAccept(t, theirs)
	c.mustAccept(t, mine)
	me := decode[whoami](t, c.do(t, call{url: c.edges[0].url + "/v1/whoami", bearer: theirs.AccessToken}))
	if me.Issuer != b.url || me.Tenant != "default" || len(me.Roles) != 1 || me.Roles[0] != "clerk" {
		t.Errorf("whoami says %+v", me)
	}
	refuseOthers(t, c, b)
}

func refuseOthers(t *testing.T, c *cluster, p *provider) {
	for name, change := range map[string]map[string]any{
		"an ID token":      {"nonce": "n", "at_hash": "h"},
		"another audience": {"aud": "account"},
		"too long a life":  {"exp": time.Now().Unix() + 1800},
		"another realm":    {"iss": p.url + "b"},
		"our issuer":       {"iss": c.issuerURL()},
		"the other issuer": {"iss": c.providers[0].url},
		"nothing to name":  {"jti": nil, "sid": nil, "sub": nil},
		"stamped ahead":    {"iat": time.Now().Unix() + 120},
		"exp a string":     {"exp": strconv.FormatInt(time.Now().Unix()+600, 10)},
		"iat a string":     {"iat": strconv.FormatInt(time.Now().Unix(), 10)},
		"no user":          {"sub": nil},
		"an empty user":    {"sub": ""},
		"half a character": {"sub": json.RawMessage(`"\ud800"`)},
		"bound to a key":   {"cnf": map[string]any{"jkt": "x"}},
	} {
		for _, e := range c.edges {
			t.Run(name, func(t *testing.T) {
				raw := p.token(t, c, change)
				c.do(t, call{url: e.url + "/v1/whoami", bearer: raw}).mustRefuse(t, http.StatusUnauthorized, "token_invalid")
			})
		}
	}
	unknown := toJSON(map[string]string{"issuer": p.url + "b", "scope": "all"})
	c.do(t, call{url: c.issuers[0].url + "/admin/v1/revocations", bearer: c.admin, body: unknown}).mustRefuse(t, http.StatusBadRequest, "bad_request")
}
