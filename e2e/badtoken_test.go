package e2e_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/token"
)

// forge mints a token for a live session: with the issuer's own key, unless
// another key is given.
func (c *cluster) forge(t *testing.T, of grant, keys string, change func(*token.Claims)) string {
	t.Helper()
	ring, err := token.OpenKeyring(token.KeyringConfig{Dir: keys})
	testenv.Must(t, err)
	now := time.Now()
	claims := token.Claims{
		Issuer: c.issuerURL(), Subject: of.UserID, Audience: []string{"curfew"}, ID: "forged", SessionID: of.SessionID,
		Tenant: "default", Region: "local", IssuedAt: now.Add(-time.Hour), IssuedAtMillis: now.Add(-time.Hour).UnixMilli(), ExpiresAt: now.Add(time.Hour),
	}
	change(&claims)
	raw, err := ring.Mint(claims)
	testenv.Must(t, err)
	c.secrets.remember("a forged token", raw)
	return raw
}

// foreignKeys holds a key that is not the issuer's, though its kid is kid.
func foreignKeys(t *testing.T, kid string) string {
	t.Helper()
	dir := t.TempDir()
	ring, err := token.OpenKeyring(token.KeyringConfig{Dir: dir, Create: true})
	testenv.Must(t, err)
	testenv.Must(t, os.Rename(filepath.Join(dir, ring.SigningKeyID()+".pem"), filepath.Join(dir, kid+".pem")))
	return dir
}

// refuseBadTokens shows every edge, and the issuers, what is no access token
// of theirs. The good session lives on.
func refuseBadTokens(t *testing.T, c *cluster) {
	good := c.login(t, c.issuers[0], "alice")
	ring, err := token.OpenKeyring(token.KeyringConfig{Dir: c.keysDir()})
	testenv.Must(t, err)
	sameKid, otherKid := foreignKeys(t, ring.SigningKeyID()), foreignKeys(t, "foreign")
	keep := func(*token.Claims) {}
	header, rest, _ := strings.Cut(good.AccessToken, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	none := strings.Repeat("A", len(signature))
	tokens := []struct{ name, raw, code string }{
		{"expired", c.forge(t, good, c.keysDir(), func(k *token.Claims) {
			k.IssuedAt, k.ExpiresAt = time.Now().Add(-3*time.Hour), time.Now().Add(-2*time.Hour)
		}), "token_expired"},
		{"of another region", c.forge(t, good, c.keysDir(), func(k *token.Claims) { k.Region = "other" }), "token_invalid"},
		{"of another key", c.forge(t, good, sameKid, keep), "token_invalid"},
		{"of an unknown key", c.forge(t, good, otherKid, keep), "token_invalid"},
		{"of another issuer", c.forge(t, good, c.keysDir(), func(k *token.Claims) { k.Issuer += "/" }), "token_invalid"},
		{"for another audience", c.forge(t, good, c.keysDir(), func(k *token.Claims) { k.Audience = []string{"other"} }), "token_invalid"},
		{"unsigned", header + "." + payload + "." + none, "token_invalid"},
		{"no signature", header + "." + payload + ".", "token_invalid"},
		{"two parts", header + "." + payload, "token_malformed"},
		{"four parts", good.AccessToken + ".AAAA", "token_malformed"},
		{"a refresh token", good.RefreshToken, "token_malformed"},
		{"the admin token", c.admin, "token_malformed"},
		{"nonsense", "nonsense", "token_malformed"},
		{"endless", strings.Repeat("A", 9<<10), "token_malformed"},
	}
	for _, bad := range tokens {
		t.Run(bad.name, func(t *testing.T) {
			for _, e := range c.edges {
				a := c.do(t, call{url: e.url + "/v1/whoami", bearer: bad.raw})
				a.mustRefuse(t, unauth, bad.code)
				if got := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, `Bearer error="invalid_token", error_description="`) || !strings.HasSuffix(got, `, realm="curfew"`) {
					t.Errorf("WWW-Authenticate %q", got)
				}
			}
			c.do(t, call{url: c.issuers[1].url + "/v1/sessions", bearer: bad.raw}).mustRefuse(t, unauth, "unauthorized")
			if bad.raw != good.RefreshToken { // with which one may log out
				c.do(t, call{method: http.MethodPost, url: c.issuers[1].url + "/v1/logout", bearer: bad.raw}).mustRefuse(t, unauth, "unauthorized")
			}
		})
	}
	t.Run("forged as they should be", func(t *testing.T) { // or the refusals above prove nothing
		good.AccessToken = c.forge(t, good, c.keysDir(), keep)
		c.mustAccept(t, good)
	})
	t.Run("carried wrongly", func(t *testing.T) { refuseWrongCarriers(t, c, good) })
	c.mustAccept(t, good)
	c.mustAccept(t, c.refresh(t, c.issuers[0], good.RefreshToken, "alice"))
}

// refuseWrongCarriers: no token, or more than one reading of the request.
func refuseWrongCarriers(t *testing.T, c *cluster, good grant) {
	for _, r := range []struct {
		name   string
		header http.Header
		code   string
	}{
		{"nothing", nil, "token_missing"},
		{"another scheme", http.Header{"Authorization": {"Basic " + good.AccessToken}}, "token_missing"},
		{"empty", http.Header{"Authorization": {"Bearer "}}, "token_malformed"},
		{"two headers", http.Header{"Authorization": {"Bearer " + good.AccessToken, "Bearer " + good.AccessToken}}, "token_malformed"},
		{"two in one", http.Header{"Authorization": {"Bearer " + good.AccessToken + ", Bearer x"}}, "token_malformed"},
		{"header and cookie differ", http.Header{"Authorization": {"Bearer " + good.AccessToken}, "Cookie": {"__Host-curfew-access=other"}}, "token_malformed"},
		{"the refresh cookie", http.Header{"Cookie": {"__Host-curfew-refresh=" + good.RefreshToken}}, "token_missing"},
	} {
		a := c.do(t, call{url: c.edges[0].url + "/v1/whoami", header: r.header})
		a.mustRefuse(t, unauth, r.code)
		if got := a.header.Get("WWW-Authenticate"); (got == `Bearer realm="curfew"`) != (r.code == "token_missing") {
			t.Errorf("%s: WWW-Authenticate %q", r.name, got)
		}
	}
	a := c.do(t, call{url: c.edges[1].url + "/v1/whoami?access_token=" + good.AccessToken})
	a.mustRefuse(t, unauth, "token_missing") // URLs end up in logs (RFC 9700 section 4.3.2)
}
