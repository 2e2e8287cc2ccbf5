package codes_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/poll"
	"github.com/curfew-auth/curfew/internal/token"
)

const (
	bare    = `Bearer realm="curfew"`
	invalid = `Bearer error="invalid_token", error_description="`
	scope   = `Bearer error="insufficient_scope"`
)

// A row is a refusal and a request that gets it.
type row struct {
	code      string
	by        string // what provokes it
	status    int
	challenge string // how WWW-Authenticate begins
	retry     int    // the most that Retry-After may say, in seconds; 0: none
	detail    string // what the detail holds; empty: there is none
	call      func(*testing.T, *world) call
	ends      bool // the refusal ends a session, as it should
}

var rows = []row{
	{code: "token_missing", by: "nothing", status: 401, challenge: bare, call: whoami("")},
	{code: "token_malformed", by: "nonsense", status: 401, challenge: invalid, call: whoami("nonsense")},
	{code: "token_invalid", by: "another audience", status: 401, challenge: invalid, call: forged(func(c *token.Claims) { c.Audience = []string{"other"} })},
	{code: "token_expired", by: "an old token", status: 401, challenge: invalid, call: forged(func(c *token.Claims) { c.ExpiresAt = time.Now().Add(-time.Minute) })},
	{code: "token_revoked", by: "a logout", status: 401, challenge: invalid, call: loggedOut},
	{code: "token_refresh_required", by: "a cutoff that lets sessions live", status: 401, challenge: invalid, call: cutOff},
	{code: "forbidden", by: "a page of another origin", status: 403, detail: "another origin", call: crossOrigin("")},
	{code: "forbidden", by: "the same at a door", status: 403, detail: "another origin", call: crossOrigin("/authz/forward")},
	{code: "forbidden", by: "an admin without the role", status: 403, challenge: scope, call: func(_ *testing.T, w *world) call {
		return call{url: w.issuer + "/admin/v1/keys/rotate", method: http.MethodPost, bearer: w.reader}
	}},
	{code: "freshness_unknown", by: "strict without the store", status: 503, retry: 1, call: func(t *testing.T, w *world) call {
		return call{url: w.blind + "/v1/whoami", bearer: w.open(t, "u-blind").Access}
	}},
	{code: "upstream_unavailable", by: "an API that is down", status: 502, call: func(t *testing.T, w *world) call {
		return call{url: w.edge + "/orders", bearer: w.open(t, "u-upstream").Access}
	}},

	{code: "bad_request", by: "an unknown field", status: 400, detail: "king", call: post("/v1/login", `{"king":1}`)},
	{code: "invalid_credentials", by: "a wrong password", status: 401, challenge: bare, call: guess("nobody", "192.0.2.1")},
	{code: "refresh_invalid", by: "a guess", status: 401, challenge: bare, call: post("/v1/refresh", `{"refresh_token":"nonsense"}`)},
	{code: "refresh_reused", by: "the token before the last", status: 401, challenge: bare, ends: true, call: reused},
	{code: "session_ended", by: "a refresh after a logout", status: 401, challenge: bare, call: refreshLate},
	{code: "unauthorized", by: "no token", status: 401, challenge: bare, call: get("/v1/sessions", "")},
	{code: "unauthorized", by: "a wrong admin token", status: 401, challenge: invalid, call: get("/admin/v1/keys", rand.Text())},
	{code: "not_found", by: "an unknown path", status: 404, call: get("/v1/nothing", "")},
	{code: "session_limit", by: "a third session", status: 409, call: third},
	{code: "rotation_pending", by: "two rotations", status: 409, call: rotated},
	{code: "account_locked", by: "the right password after two wrong ones", status: 429, retry: 600, call: locked},
	{code: "too_many_requests", by: "many guesses from one address", status: 429, retry: 600, call: throttled},
	{code: "unavailable", by: "an issuer without its store", status: 503, retry: 1, detail: "store", call: func(t *testing.T, w *world) call {
		c := guess("bob", "192.0.2.2")(t, w)
		c.url = w.storeless + "/v1/login"
		return c
	}},

	{code: "payload_too_large", by: "70 KiB", status: 413, call: post("/v1/login", `{"username":"`+strings.Repeat("b", 70<<10)+`"}`)},
	{code: "headers_too_large", by: "17 KiB of header", status: 431, call: func(_ *testing.T, w *world) call {
		return call{url: w.issuer + "/v1/sessions", header: http.Header{"X-Long": {strings.Repeat("x", 17<<10)}}}
	}},
	{code: "unsupported_media_type", by: "a form", status: 415, detail: "application/json", call: func(_ *testing.T, w *world) call {
		return call{url: w.issuer + "/v1/login", body: "username=bob", header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}
	}},
	{code: "method_not_allowed", by: "GET of a login", status: 405, call: get("/v1/login", "")},
}

// TestEveryCode: each code is given for a request that deserves it, in the form
// that the contract says, and what is refused changes nothing.
func TestEveryCode(t *testing.T) {
	w := newWorld(t)
	titles := map[string]string{}
	for _, r := range rows {
		t.Run(r.code+" by "+r.by, func(t *testing.T) {
			c := r.call(t, w)
			before := w.state(t)
			d := r.refuses(t, c.send(t))
			if changed := w.state(t) != before; changed != r.ends {
				t.Errorf("the state was\n%sand is\n%s", before, w.state(t))
			}
			if title, seen := titles[r.code]; seen && title != d.Title {
				t.Errorf("the title is %q here and %q there", d.Title, title)
			}
			titles[r.code] = d.Title
		})
	}
	t.Run("forbidden by a guard", w.refuseScope)
	for _, code := range knownCodes(t) {
		_, provoked := titles[code]
		if _, excused := unprovoked[code]; provoked == excused {
			t.Errorf("%s: in the table %v, excused %v", code, provoked, excused)
		}
	}
}

// refuseScope: a guard in a program has no edge's headers, but the codes.
func (w *world) refuseScope(t *testing.T) {
	a := call{url: w.api, bearer: w.open(t, "u-scope").Access}.send(t)
	if got := a.header.Get("WWW-Authenticate"); a.status != http.StatusForbidden || !strings.Contains(string(a.body), `"code":"forbidden"`) ||
		got != `Bearer error="insufficient_scope", scope="pay"` {
		t.Errorf("%d %s, WWW-Authenticate %q", a.status, a.body, got)
	}
}

func get(path, bearer string) func(*testing.T, *world) call {
	return func(_ *testing.T, w *world) call { return call{url: w.issuer + path, bearer: bearer} }
}

func post(path, body string) func(*testing.T, *world) call {
	return func(_ *testing.T, w *world) call { return call{url: w.issuer + path, body: body} }
}

func whoami(bearer string) func(*testing.T, *world) call {
	return func(_ *testing.T, w *world) call { return call{url: w.edge + "/v1/whoami", bearer: bearer} }
}

// forged mints what the issuer would not.
func forged(change func(*token.Claims)) func(*testing.T, *world) call {
	return func(t *testing.T, w *world) call {
		now := time.Now()
		claims := token.Claims{
			Issuer: w.issuer, Subject: "u", Audience: []string{"curfew"}, ID: "j", SessionID: "s", Tenant: "default", Region: "local",
			IssuedAt: now.Add(-time.Hour), IssuedAtMillis: now.Add(-time.Hour).UnixMilli(), ExpiresAt: now.Add(time.Hour),
		}
		change(&claims)
		raw, err := w.keys.Mint(claims)
		testenv.Must(t, err)
		return whoami(raw)(t, w)
	}
}

func crossOrigin(path string) func(*testing.T, *world) call {
	return func(t *testing.T, w *world) call {
		c := call{url: w.edge + "/orders", method: http.MethodPost, header: http.Header{
			"Cookie": {"__Host-curfew-access=" + w.open(t, "u-cookie").Access}, "Sec-Fetch-Site": {"cross-site"},
		}}
		if path != "" {
			c.url, c.method = w.edge+path, http.MethodGet
			c.header.Set("X-Forwarded-Method", http.MethodPost)
		}
		return c
	}
}

func refresh(w *world, token string) call {
	return call{url: w.issuer + "/v1/refresh", body: `{"refresh_token":"` + token + `"}`}
}

func (w *world) logout(t *testing.T, g grant) {
	t.Helper()
	w.must(t, call{url: w.issuer + "/v1/logout", method: http.MethodPost, bearer: g.Access}, &struct{}{})
}

func loggedOut(t *testing.T, w *world) call {
	g := w.open(t, "u-out")
	w.logout(t, g)
	return w.awaitRefusal(t, g)
}

func refreshLate(t *testing.T, w *world) call {
	g := w.open(t, "u-late")
	w.logout(t, g)
	return refresh(w, g.Refresh)
}

// cutOff orders a refresh of everything of a user, on the log.
func cutOff(t *testing.T, w *world) call {
	g := w.open(t, "u-cut")
	_, err := events.Publish(t.Context(), w.log, events.Revocation{
		ID: rand.Text(), Scope: events.ScopeUser, Issuer: w.issuer, Tenant: "default", Subject: "u-cut", Mode: events.ModeRefresh,
		Stamp: time.Now().Add(time.Minute).UnixMilli(), TTLMillis: time.Hour.Milliseconds(),
	})
	testenv.Must(t, err)
	return w.awaitRefusal(t, g)
}

// awaitRefusal waits until the edge has heard of it.
func (w *world) awaitRefusal(t *testing.T, g grant) call {
	t.Helper()
	c := call{url: w.edge + "/v1/whoami", bearer: g.Access}
	testenv.Eventually(t, patience, func() error {
		a, err := c.try()
		switch {
		case err != nil:
			return poll.Stop(err)
		case a.status == http.StatusOK:
			return fmt.Errorf("still %d", a.status)
		}
		return nil
	})
	return c
}

func reused(t *testing.T, w *world) call {
	g := w.open(t, "u-reused")
	var next grant
	w.must(t, refresh(w, g.Refresh), &next)
	w.must(t, refresh(w, next.Refresh), &grant{})
	return refresh(w, g.Refresh)
}

func third(t *testing.T, w *world) call {
	w.open(t, "u-limit")
	w.open(t, "u-limit")
	return call{url: w.issuer + "/admin/v1/sessions", bearer: w.admin, body: `{"user_id":"u-limit"}`}
}

func rotated(t *testing.T, w *world) call {
	c := call{url: w.issuer + "/admin/v1/keys/rotate", method: http.MethodPost, bearer: w.admin}
	w.must(t, c, &struct{}{})
	return c
}

// guess is a wrong password from an address that a proxy names.
func guess(user, from string) func(*testing.T, *world) call {
	return login(user, "wrong", from)
}

func login(user, password, from string) func(*testing.T, *world) call {
	return func(_ *testing.T, w *world) call {
		return call{
			url: w.issuer + "/v1/login", body: `{"username":"` + user + `","password":"` + password + `"}`,
			header: http.Header{"X-Forwarded-For": {from}},
		}
	}
}

func locked(t *testing.T, w *world) call {
	for n := range 2 {
		guess("bob", fmt.Sprint("192.0.2.1", n))(t, w).send(t)
	}
	return login("bob", w.password, "192.0.2.19")(t, w)
}

func throttled(t *testing.T, w *world) call {
	for n := range 3 {
		guess(fmt.Sprint("nobody-", n), "198.51.100.7")(t, w).send(t)
	}
	return guess("nobody-3", "198.51.100.7")(t, w)
}
