package e2e_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/token"
)

// expired is the grant with an access token that was good an hour ago.
func (c *cluster) expired(t *testing.T, g grant) grant {
	t.Helper()
	g.AccessToken = c.forge(t, g, c.keysDir(), func(k *token.Claims) { k.ExpiresAt = time.Now().Add(-time.Minute) })
	return g
}

// renewSilently: with an expired access cookie, and with none, the request
// itself succeeds, and brings new cookies.
func renewSilently(t *testing.T, c *cluster) {
	edge := c.edges[2].url
	g := c.expired(t, c.login(t, c.issuers[0], "alice"))
	header := cookieHeader(g, "X-Curfew-User", "mallory", "X-Curfew-Access-Token", "forged", "Connection", "X-Curfew-Session")
	header.Set("Cookie", "theme=dark; "+header.Get("Cookie"))
	a := c.do(t, call{method: http.MethodPut, url: edge + "/some/path", header: header, body: `{"a":1}`})
	if a.status != http.StatusTeapot || string(a.body) != "short and stout" {
		t.Fatalf("answer %d %s", a.status, a.body)
	}
	r := c.upstream.next(t)
	if got := r.Header.Get("Cookie"); got != "theme=dark" {
		t.Errorf("the upstream got the cookies %q", got)
	}
	for name, want := range map[string]string{
		"X-Curfew-User": "id-alice", "X-Curfew-Session": g.SessionID, "X-Curfew-Access-Token": "", "Authorization": "",
	} {
		if got := strings.Join(r.Header.Values(name), ","); got != want {
			t.Errorf("the upstream got %s %q, want %q", name, got, want)
		}
	}
	next := c.renewedPair(t, a, g)
	if a.header.Get("X-Curfew-Access-Token") != next.AccessToken {
		t.Error("renew_header: the new token is not in the header")
	}
	c.mustAccept(t, next)

	// No access cookie at all, at another edge, which shows no token.
	a = c.do(t, call{url: c.edges[1].url + "/v1/whoami", header: http.Header{"Cookie": {refreshCookie + "=" + next.RefreshToken}}})
	if me := decode[whoami](t, a); me.SessionID != g.SessionID || a.header.Get("X-Curfew-Access-Token") != "" {
		t.Errorf("%+v, header %q", me, a.header.Get("X-Curfew-Access-Token"))
	}
	next = c.renewedPair(t, a, next)

	// A good access cookie is left alone; and every answer says what time
	// it is, so that a client whose clock is off can reckon with expires_in.
	for _, s := range c.services() {
		a = c.do(t, call{url: s.url + "/livez"})
		if date, err := http.ParseTime(a.header.Get("Date")); err != nil || time.Since(date).Abs() > time.Minute {
			t.Errorf("%s: Date %q", s.Name(), a.header.Get("Date"))
		}
	}
	a = c.do(t, call{url: c.edges[1].url + "/v1/whoami", header: cookieHeader(next)})
	decode[whoami](t, a)
	mustSetNone(t, a)
}

// renewedPair reads the new cookies of an answer.
func (c *cluster) renewedPair(t *testing.T, a answer, before grant) grant {
	t.Helper()
	next := before
	kept := pairOf(t, a, 604800)
	next.AccessToken, next.RefreshToken = kept[accessCookie], kept[refreshCookie]
	c.secrets.remember("a renewed access token", next.AccessToken)
	c.secrets.remember("a renewed refresh token", next.RefreshToken)
	if claim(t, next.AccessToken, "sid") != before.SessionID || next.RefreshToken == before.RefreshToken {
		t.Error("not renewed")
	}
	return next
}

// renewAtOnce: fifty requests on two edges, which ask two issuers, end in one
// line of tokens, and nobody is signed out.
func renewAtOnce(t *testing.T, c *cluster) {
	g := c.expired(t, c.login(t, c.issuers[1], "alice"))
	answers := make([]answer, 50)
	errs := make([]error, len(answers))
	start := make(chan struct{})
	var running sync.WaitGroup
	for n := range answers {
		running.Go(func() {
			<-start
			answers[n], errs[n] = send(call{url: c.edges[1+n%2].url + "/v1/whoami", header: cookieHeader(g)})
		})
	}
	close(start)
	running.Wait()
	successors := map[string]grant{}
	for n, a := range answers {
		if errs[n] != nil {
			t.Fatal(errs[n])
		}
		if me := decode[whoami](t, a); me.SessionID != g.SessionID {
			t.Errorf("%+v", me)
		}
		next := c.renewedPair(t, a, g)
		successors[next.RefreshToken] = next
	}
	if len(successors) != 1 {
		t.Fatalf("%d successors of one refresh token", len(successors))
	}
	for _, next := range successors {
		c.mustAccept(t, next)
		c.refresh(t, c.issuers[0], next.RefreshToken, "alice")
	}
}

// renewNothing: who has no right to a renewal gets none, and no cookie.
func renewNothing(t *testing.T, c *cluster) {
	edge := c.edges[2].url + "/some/path"
	good := c.login(t, c.issuers[0], "alice")
	g := c.expired(t, good)
	twice := cookieHeader(g)
	twice.Set("Cookie", twice.Get("Cookie")+"; "+refreshCookie+"=cfr_other")
	for _, bad := range []struct {
		name   string
		call   call
		status int
		code   string
	}{
		{"from another site", call{url: edge, header: cookieHeader(g, "Sec-Fetch-Site", "cross-site")}, unauth, "token_expired"},
		{"forged", call{method: http.MethodPost, url: edge, header: cookieHeader(g, "Sec-Fetch-Site", "cross-site")}, http.StatusForbidden, "forbidden"},
		{"forged, old browser", call{method: http.MethodPost, url: edge, header: cookieHeader(g, "Origin", "https://evil.example")}, http.StatusForbidden, "forbidden"},
		{"without the prefix", call{url: edge, header: http.Header{"Cookie": {"curfew-refresh=" + g.RefreshToken}}}, unauth, "token_missing"},
		{"two refresh cookies", call{url: edge, header: twice}, unauth, "token_expired"},
		{"a token of its own", call{url: edge, bearer: g.AccessToken, header: http.Header{"Cookie": {refreshCookie + "=" + g.RefreshToken}}}, unauth, "token_expired"},
		{"an endless cookie", call{url: edge, header: http.Header{"Cookie": {refreshCookie + "=" + strings.Repeat("a", 20<<10)}}}, http.StatusRequestHeaderFieldsTooLarge, "headers_too_large"},
		{"an edge that does not renew", call{url: c.edges[0].url + "/v1/whoami", header: cookieHeader(g)}, unauth, "token_expired"},
	} {
		t.Run(bad.name, func(t *testing.T) {
			a := c.do(t, bad.call)
			a.mustRefuse(t, bad.status, bad.code)
			mustSetNone(t, a)
		})
	}
	// Nothing of it has rotated the token. After the logout nothing renews it.
	g = c.expired(t, c.refresh(t, c.issuers[0], g.RefreshToken, "alice"))
	a := c.do(t, call{method: http.MethodPost, url: c.issuers[1].url + "/v1/logout", header: cookieHeader(good)})
	mustCommit(t, a, "session", g.SessionID)
	c.mustRefuse(t, good)
	a = c.do(t, call{url: edge, header: cookieHeader(good)})
	a.mustRefuse(t, unauth, "token_revoked")
	mustSetNone(t, a)
	a = c.do(t, call{url: edge, header: cookieHeader(g)})
	a.mustRefuse(t, unauth, "session_ended")
	mustClear(t, a)
	if len(c.upstream.got) > 0 {
		t.Error("a refused request reached the upstream")
	}
}
