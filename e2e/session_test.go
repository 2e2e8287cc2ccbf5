package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/poll"
)

type grant struct {
	TokenType        string `json:"token_type"`
	AccessToken      string `json:"access_token"`
	ExpiresIn        int64  `json:"expires_in"`
	RefreshToken     string `json:"refresh_token"`
	RefreshExpiresIn int64  `json:"refresh_expires_in"`
	SessionID        string `json:"session_id"`
	UserID           string `json:"user_id"`
}

type whoami struct {
	Issuer    string    `json:"issuer"`
	UserID    string    `json:"user_id"`
	SessionID string    `json:"session_id"`
	Tenant    string    `json:"tenant"`
	Roles     []string  `json:"roles"`
	TokenID   string    `json:"jti"`
	ExpiresAt time.Time `json:"expires_at"`
	Edge      string    `json:"edge"`
}

type receipt struct {
	RevocationID string  `json:"revocation_id"`
	Scope        string  `json:"scope"`
	ID           string  `json:"id"`
	Status       string  `json:"status"`
	Seq          uint64  `json:"seq"`
	ElapsedMS    float64 `json:"elapsed_ms"`
	Edges        any     `json:"edges"`
}

// login signs a user in; carol's tenant goes with her.
func (c *cluster) login(t *testing.T, at *service, user string) grant {
	t.Helper()
	body := map[string]any{
		"username": user, "password": c.passwords[user],
		"device": map[string]string{"id": "d-1", "kind": "cli", "name": "test"},
	}
	if user == "carol" {
		body["tenant"] = "acme"
	}
	return c.granted(t, c.do(t, call{url: at.url + "/v1/login", body: toJSON(body)}), user)
}

func (c *cluster) refresh(t *testing.T, at *service, token, user string) grant {
	t.Helper()
	return c.granted(t, c.do(t, refreshCall(at, token)), user)
}

func refreshCall(at *service, token string) call {
	return call{url: at.url + "/v1/refresh", body: toJSON(map[string]string{"refresh_token": token})}
}

// granted checks the whole answer and remembers what is secret in it.
func (c *cluster) granted(t *testing.T, a answer, user string) grant {
	t.Helper()
	g := decode[grant](t, a)
	if g.TokenType != "Bearer" || g.ExpiresIn != 900 || g.RefreshExpiresIn < 604000 || g.RefreshExpiresIn > 604800 ||
		g.UserID != "id-"+user || g.SessionID == "" || g.AccessToken == "" || g.RefreshToken == "" {
		t.Fatalf("not a grant for %s: %s", user, a.body)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		t.Error("a grant that may be cached (RFC 6749 section 5.1)")
	}
	c.secrets.remember("an access token of "+user, g.AccessToken)
	c.secrets.remember("a refresh token of "+user, g.RefreshToken)
	return g
}

// claim returns one claim of an access token.
func claim(t *testing.T, access, name string) any {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(access, ".")[1])
	testenv.Must(t, err)
	var claims map[string]any
	testenv.Must(t, json.Unmarshal(payload, &claims))
	return claims[name]
}

// mustAccept calls every edge, which must let the token pass.
func (c *cluster) mustAccept(t *testing.T, g grant) {
	t.Helper()
	for _, e := range c.edges {
		me := decode[whoami](t, c.do(t, call{url: e.url + "/v1/whoami", bearer: g.AccessToken}))
		if me.SessionID != g.SessionID || me.UserID != g.UserID {
			t.Errorf("%s takes %s for %+v", e.Name(), g.UserID, me)
		}
	}
}

// mustRefuse waits, no longer than B, until every edge says token_revoked. It
// must be called right after the revocation was answered.
func (c *cluster) mustRefuse(t *testing.T, g grant) {
	t.Helper()
	start := time.Now()
	for _, e := range c.edges {
		testenv.Eventually(t, staleness-time.Since(start), func() error { return c.revoked(e, g.AccessToken) })
		t.Logf("%s refuses after %.1f ms", e.Name(), float64(time.Since(start).Microseconds())/1000)
		a := c.do(t, call{url: e.url + "/v1/whoami", bearer: g.AccessToken})
		a.mustRefuse(t, http.StatusUnauthorized, "token_revoked")
		if got := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, `Bearer error="invalid_token", error_description="`) || !strings.HasSuffix(got, `, realm="curfew"`) {
			t.Errorf("WWW-Authenticate %q", got)
		}
	}
}

// revoked is nil when the edge says so, and final when it says anything but
// that or 200.
func (c *cluster) revoked(e *service, access string) error {
	a, err := send(call{url: e.url + "/v1/whoami", bearer: access})
	switch {
	case err != nil:
		return err
	case a.status == http.StatusUnauthorized && strings.Contains(string(a.body), `"token_revoked"`):
		return nil
	case a.status == http.StatusOK:
		return errors.New(e.Name() + " still accepts the token")
	}
	return poll.Stop(fmt.Errorf("%s: %d %s", e.Name(), a.status, a.body))
}

// mustCommit reads a receipt that promises both copies.
func mustCommit(t *testing.T, a answer, scope, id string) {
	t.Helper()
	r := decode[receipt](t, a)
	if r.Scope != scope || r.ID != id || r.Status != "committed" || r.Seq == 0 || r.RevocationID == "" || r.ElapsedMS <= 0 {
		t.Errorf("receipt %s, want committed %s %s", a.body, scope, id)
	}
}
