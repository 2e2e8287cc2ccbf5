package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const accessCookie, refreshCookie = "__Host-curfew-access", "__Host-curfew-refresh"

// cookieHeader is what a browser sends that keeps the pair.
func cookieHeader(g grant, more ...string) http.Header {
	h := http.Header{"Cookie": {accessCookie + "=" + g.AccessToken + "; " + refreshCookie + "=" + g.RefreshToken}}
	for n := 0; n < len(more); n += 2 {
		h.Set(more[n], more[n+1])
	}
	return h
}

// acceptCookies: tokens in cookies are as good as tokens elsewhere, on every
// service.
func acceptCookies(t *testing.T, c *cluster) {
	g := c.login(t, c.issuers[0], "carol")
	for _, e := range c.edges {
		me := decode[whoami](t, c.do(t, call{url: e.url + "/v1/whoami", header: cookieHeader(g)}))
		if me.SessionID != g.SessionID || me.Tenant != "acme" {
			t.Errorf("%s says %+v", e.Name(), me)
		}
	}
	var own struct{ Sessions []struct{ Current bool } }
	a := c.do(t, call{url: c.issuers[1].url + "/v1/sessions", header: cookieHeader(g)})
	if err := json.Unmarshal(a.body, &own); err != nil || a.status != http.StatusOK || len(own.Sessions) == 0 {
		t.Errorf("my sessions: %d %s", a.status, a.body)
	}
	a = c.do(t, call{method: http.MethodDelete, url: c.issuers[1].url + "/v1/sessions/" + g.SessionID, header: cookieHeader(g)})
	mustCommit(t, a, "session", g.SessionID)
	c.mustRefuse(t, g)
}

// keepCookies: in cookie mode no script of the page sees a token, from login
// to logout.
func keepCookies(t *testing.T, c *cluster) {
	body := toJSON(map[string]any{"username": "alice", "password": c.passwords["alice"], "cookies": true})
	g := c.keptGrant(t, c.do(t, call{url: c.issuers[0].url + "/v1/login", body: body}), "alice")
	c.mustAccept(t, g)

	// What came from the cookie goes back into it.
	next := c.keptGrant(t, c.do(t, call{method: http.MethodPost, url: c.issuers[1].url + "/v1/refresh", header: cookieHeader(g)}), "alice")
	if next.SessionID != g.SessionID || next.RefreshToken == g.RefreshToken {
		t.Error("a refresh that is not one")
	}
	next = c.keptGrant(t, c.do(t, call{url: c.issuers[1].url + "/v1/refresh", header: cookieHeader(next), body: "{}"}), "alice")
	// A client that kept its tokens itself may go over to cookies, and back.
	body = toJSON(map[string]any{"refresh_token": next.RefreshToken, "cookies": true})
	next = c.keptGrant(t, c.do(t, call{url: c.issuers[0].url + "/v1/refresh", body: body}), "alice")
	next = c.granted(t, c.do(t, refreshCall(c.issuers[0], next.RefreshToken)), "alice")

	a := c.do(t, call{method: http.MethodPost, url: c.issuers[0].url + "/v1/logout", header: cookieHeader(next)})
	mustCommit(t, a, "session", g.SessionID)
	mustClear(t, a)
	c.mustRefuse(t, next)
	for _, path := range []string{"/v1/refresh", "/v1/logout"} {
		a = c.do(t, call{method: http.MethodPost, url: c.issuers[1].url + path, header: cookieHeader(next)})
		a.mustRefuse(t, http.StatusUnauthorized, "session_ended")
		mustClear(t, a)
	}
	// The cookies of a browser are no business of a client with its own token.
	a = c.do(t, refreshCall(c.issuers[1], next.RefreshToken))
	a.mustRefuse(t, http.StatusUnauthorized, "session_ended")
	if got := a.header.Values("Set-Cookie"); got != nil {
		t.Errorf("cookies that nobody asked for: %q", got)
	}
}

// refuseCrossOrigin: a page of another origin cannot make a browser act, and
// nothing of what it tries happens.
func refuseCrossOrigin(t *testing.T, c *cluster) {
	g := c.login(t, c.issuers[0], "alice")
	login := toJSON(map[string]any{"username": "alice", "password": c.passwords["alice"], "cookies": true})
	for _, from := range [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site", "Origin", "https://sibling.example"},
		{"Origin", "https://evil.example"},
		{"Origin", "null"},
	} {
		i, admin := c.issuers[0].url, c.issuers[1].url+"/admin/v1/revocations"
		for _, attack := range []call{
			{method: http.MethodPost, url: i + "/v1/logout"},
			{method: http.MethodPost, url: i + "/v1/refresh"},
			{method: http.MethodDelete, url: i + "/v1/sessions"},
			{method: http.MethodDelete, url: i + "/v1/sessions/" + g.SessionID},
			{url: admin, body: toJSON(map[string]string{"scope": "session", "id": g.SessionID})},
			{url: i + "/v1/login", body: login},
			{method: http.MethodPut, url: c.edges[2].url + "/orders/1"},
		} {
			attack.header = cookieHeader(g, from...)
			a := c.do(t, attack)
			a.mustRefuse(t, http.StatusForbidden, "forbidden")
			mustSetNone(t, a)
		}
		header := http.Header{}
		header.Set(from[0], from[1])
		for _, attack := range []call{
			{url: i + "/v1/login", body: login, header: header},
			{url: i + "/v1/refresh", body: toJSON(map[string]any{"refresh_token": g.RefreshToken, "cookies": true}), header: header},
		} {
			if from[1] == "same-site" {
				continue // the same header as cross-site, for this
			}
			a := c.do(t, attack)
			a.mustRefuse(t, http.StatusForbidden, "forbidden")
			mustSetNone(t, a)
		}
	}
	if len(c.upstream.got) > 0 {
		t.Error("a forged request reached the upstream")
	}
	c.mustAccept(t, g)
	c.refresh(t, c.issuers[1], g.RefreshToken, "alice") // the first, so none was rotated
}

// keptGrant reads a grant whose tokens are in cookies alone.
func (c *cluster) keptGrant(t *testing.T, a answer, user string) grant {
	t.Helper()
	g := decode[grant](t, a)
	if g.AccessToken != "" || g.RefreshToken != "" || g.SessionID == "" || g.UserID != "id-"+user || g.ExpiresIn != 900 {
		t.Errorf("a grant in cookie mode: %s", a.body)
	}
	kept := pairOf(t, a, g.RefreshExpiresIn)
	g.AccessToken, g.RefreshToken = kept[accessCookie], kept[refreshCookie]
	c.secrets.remember("an access cookie of "+user, g.AccessToken)
	c.secrets.remember("a refresh cookie of "+user, g.RefreshToken)
	return g
}

// pairOf returns both cookies, which must be as the contract says and live for
// so many seconds, or some fewer.
func pairOf(t *testing.T, a answer, age int64) map[string]string {
	t.Helper()
	kept := map[string]string{}
	for _, line := range a.header.Values("Set-Cookie") {
		name, rest, _ := strings.Cut(line, "=")
		value, attributes, _ := strings.Cut(rest, ";")
		var lives int64
		_, err := fmt.Sscanf(attributes, " Path=/; Max-Age=%d; HttpOnly; Secure; SameSite=Strict", &lives)
		if err != nil || lives > age || lives < age-600 || lives < 0 || strings.Count(attributes, ";") != 4 {
			t.Errorf("%s has %q, want %d seconds", name, attributes, age)
		}
		kept[name] = value
	}
	if len(kept) != 2 || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("cookies %q, Cache-Control %q", a.header.Values("Set-Cookie"), a.header.Get("Cache-Control"))
	}
	return kept
}

// mustClear: both cookies are deleted.
func mustClear(t *testing.T, a answer) {
	t.Helper()
	for name, value := range pairOf(t, a, 0) {
		if value != "" {
			t.Errorf("%s is not cleared", name)
		}
	}
}

func mustSetNone(t *testing.T, a answer) {
	t.Helper()
	if got := a.header.Values("Set-Cookie"); got != nil {
		t.Errorf("a refusal sets %q", got)
	}
}
