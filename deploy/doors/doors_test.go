//go:build unix

package doors_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// A door is a proxy that runs.
type door struct {
	*world
	name, address string
	token         string // a good one, until it is revoked
}

// TestDoors: what is promised of a proxy before an edge holds for the real
// ones, with the configurations as they stand in deploy, and for the edge as a
// proxy.
func TestDoors(t *testing.T) {
	w := newWorld(t)
	asking := make([]*door, len(proxies))
	for i, p := range proxies {
		asking[i] = &door{world: w, name: p.name, address: p.start(t, w), token: w.login(t)}
	}
	// The edge as a proxy must do all of that by itself.
	doors := append([]*door{{world: w, name: "edge", address: w.startEdge(t, passingTo("http://"+w.app.address)), token: w.login(t)}}, asking...)
	// What breaks the line to the edge breaks it for all doors: one step after
	// the other, each on all doors at once.
	for _, step := range []struct {
		name string
		do   func(*testing.T, *door)
	}{
		{"good tokens pass", goodPasses}, {"others do not", othersDoNot}, {"cookies", cookies},
		{"identity headers", smuggledHeaders}, {"framing", smuggledRequests},
		{"protocols", smuggledProtocols}, {"sockets", sockets}, {"revoked", revoked},
	} {
		each(t, step.name, doors, step.do)
	}
	w.edge.Cut()
	each(t, "edge down", asking, edgeGone)
	testenv.Must(t, w.edge.Stall())
	each(t, "edge silent", asking, edgeGone)
	testenv.Must(t, w.edge.Heal())
	each(t, "edge back", asking, edgeBack)
	testenv.Must(t, w.log.Stall())
	each(t, "edge stale", doors, edgeStale)
	testenv.Must(t, w.log.Heal()) // so that the edge can say goodbye
}

func each(t *testing.T, step string, doors []*door, do func(*testing.T, *door)) {
	t.Run(step, func(t *testing.T) {
		for _, d := range doors {
			t.Run(d.name, func(t *testing.T) {
				t.Parallel()
				do(t, d)
			})
		}
	})
}

func (d *door) target(what string) string { return "/" + d.name + "/" + what }

func goodPasses(t *testing.T, d *door) {
	for _, a := range []ask{
		{method: http.MethodGet, target: d.target("get")},
		{method: http.MethodPost, target: d.target("post"), body: strings.Repeat("body", 10_000)},
		{method: http.MethodDelete, target: d.target("delete")},
	} {
		a.token = d.token
		a.headers = []string{"X-Of-The-Client: kept"}
		res := a.of(t, d.address)
		got := d.app.got(a.target)
		if res.StatusCode != http.StatusOK || len(got) != 1 || got[0].method != a.method || got[0].body != a.body || got[0].header.Get("X-Of-The-Client") != "kept" {
			t.Errorf("%s: %d, at the app %d times", a.target, res.StatusCode, len(got))
			continue
		}
		if err := d.ours(got[0].header); err != nil {
			t.Errorf("%s: %v", a.target, err)
		}
	}
}

// ours says what is wrong with the identity headers that an app got: all are
// alice's, none comes twice, and none is there in another spelling.
func (d *door) ours(h http.Header) error {
	if h.Get("X-Curfew-Session") == "" || h.Get("X-Curfew-Issuer") == "" {
		return errors.New("no X-Curfew-Session or no X-Curfew-Issuer")
	}
	want := map[string]string{"X-Curfew-User": "u-1", "X-Curfew-Tenant": "default", "X-Curfew-Roles": "user", "X-Curfew-Scope": "", "X-Curfew-Session": h.Get("X-Curfew-Session"), "X-Curfew-Issuer": h.Get("X-Curfew-Issuer"), "X-Curfew-Assertion": h.Get("X-Curfew-Assertion")}
	for name, value := range want {
		if got := h.Values(name); strings.Join(got, "|") != value {
			return fmt.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	for name, values := range h {
		if _, known := want[name]; !known && strings.Contains(letters(name), "xcurfew") {
			return fmt.Errorf("%s: %q came through", name, values)
		}
	}
	return d.asserted(h)
}

// asserted: the signed statement says the same as the headers.
func (d *door) asserted(h http.Header) error {
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(h.Get("X-Curfew-Assertion"), claims, func(*jwt.Token) (any, error) { return d.key.Public(), nil },
		jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithAudience("app"), jwt.WithExpirationRequired())
	if err == nil && (claims["sub"] != h.Get("X-Curfew-User") || claims["sid"] != h.Get("X-Curfew-Session")) {
		err = fmt.Errorf("the assertion is about %v", claims)
	}
	return err
}

// letters is a name for a reader to whom every other character is the same.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(name))
}

func othersDoNot(t *testing.T, d *door) {
	for name, a := range map[string]ask{
		"none":      {},
		"garbage":   {token: "garbage"},
		"forged":    {token: d.token[:len(d.token)-8] + "AAAAAAAA"},
		"two":       {token: d.token, headers: []string{"Authorization: Bearer garbage"}},
		"in query":  {target: "?access_token=" + d.token},
		"identity":  {headers: []string{"X-Curfew-User: u-1", "X-Curfew-Session: s"}},
		"a preview": {headers: []string{"X-Original-URI: /livez", "X-Forwarded-Uri: /livez", "X-Forwarded-Method: OPTIONS"}},
	} {
		path := d.target("refused-" + strings.ReplaceAll(name, " ", "-"))
		a.target = path + a.target
		res := a.of(t, d.address)
		if err := d.refused(path, res, http.StatusUnauthorized, http.StatusBadRequest); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if challenge := res.Header.Get("WWW-Authenticate"); res.StatusCode == http.StatusUnauthorized && !strings.HasPrefix(challenge, "Bearer") {
			t.Errorf("%s: WWW-Authenticate %q", name, challenge)
		}
	}
}

// cookies: a browser's token is taken, but not when another page makes the
// browser send it.
func cookies(t *testing.T, d *door) {
	cookie := "Cookie: __Host-curfew-access=" + d.token
	for name, c := range map[string]struct {
		method, site string
		want         int
	}{
		"read": {http.MethodGet, "cross-site", 200}, "own page": {http.MethodPost, "same-origin", 200},
		"forged": {http.MethodPost, "cross-site", 403}, "forged delete": {http.MethodDelete, "cross-site", 403},
	} {
		a := ask{method: c.method, target: d.target("cookie-" + strings.ReplaceAll(name, " ", "-")), headers: []string{cookie, "Sec-Fetch-Site: " + c.site, "X-Forwarded-Method: GET", "X-Original-Method: GET"}}
		res := a.of(t, d.address)
		if c.want != 200 {
			if err := d.refused(a.target, res, c.want); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		} else if res.StatusCode != 200 || len(d.app.got(a.target)) != 1 {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
}

// revoked: from the answer to a logout on, for at most B.
func revoked(t *testing.T, d *door) {
	token := d.login(t)
	if res := (ask{target: d.target("before"), token: token}).of(t, d.address); res.StatusCode != http.StatusOK {
		t.Fatalf("before the logout: %d", res.StatusCode)
	}
	d.logout(t, token)
	answered := time.Now()
	for n := 0; ; n++ {
		a := ask{target: d.target(fmt.Sprint("after-", n)), token: token}
		asked := time.Since(answered)
		res := a.of(t, d.address)
		if err := d.refused(a.target, res, http.StatusUnauthorized); err == nil {
			return
		} else if asked > bound {
			t.Fatalf("%v after the logout: %v", asked, err)
		}
	}
}

// edgeGone: nobody to ask means no. What status says so is the proxy's own.
func edgeGone(t *testing.T, d *door) {
	a := ask{target: d.target("gone"), token: d.token}
	res := a.of(t, d.address)
	if err := d.refused(a.target, res, 403, 500, 502, 503, 504); err != nil {
		t.Error(err)
	}
}

func edgeBack(t *testing.T, d *door) {
	testenv.Eventually(t, patience, func() error {
		if res := (ask{target: d.target("back"), token: d.token}).of(t, d.address); res.StatusCode != http.StatusOK {
			return fmt.Errorf("%d", res.StatusCode)
		}
		return nil
	})
}

// edgeStale: an edge that cannot know refuses, and a client is told to come
// again, not to refresh its token.
func edgeStale(t *testing.T, d *door) {
	testenv.Eventually(t, patience, func() error {
		a := ask{target: d.target("stale"), token: d.token}
		res := a.of(t, d.address)
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
			return fmt.Errorf("%d, Retry-After %q", res.StatusCode, res.Header.Get("Retry-After"))
		}
		return nil
	})
}
