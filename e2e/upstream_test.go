package e2e_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// An upstream is the API behind edge 3. It hands every request it gets to
// whoever waits for it, and answers 418.
type upstream struct {
	*httptest.Server
	got chan *http.Request
}

func newUpstream(t *testing.T) *upstream {
	u := &upstream{got: make(chan *http.Request, 100)}
	u.Server = secureServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		u.got <- r
		w.Header().Set("X-Upstream", "yes")
		w.WriteHeader(http.StatusTeapot)
		w.Write([]byte("short and stout"))
	}))
	return u
}

// next returns what the upstream got for a request that has been answered.
func (u *upstream) next(t *testing.T) *http.Request {
	t.Helper()
	select {
	case r := <-u.got:
		return r
	default:
		t.Fatal("the request did not reach the upstream")
		return nil
	}
}

// proxy: a good request passes with its identity; no other reaches the API.
func proxy(t *testing.T, c *cluster) {
	edge := c.edges[2].url
	g := c.login(t, c.issuers[0], "carol")
	a := c.do(t, call{method: http.MethodPut, url: edge + "/some/path?q=1", bearer: g.AccessToken, body: `{"a":1}`})
	if a.status != http.StatusTeapot || string(a.body) != "short and stout" || a.header.Get("X-Upstream") != "yes" {
		t.Errorf("answer %d %q", a.status, a.body)
	}
	r := c.upstream.next(t)
	body, _ := io.ReadAll(r.Body)
	if r.Method != http.MethodPut || r.RequestURI != "/some/path?q=1" || string(body) != `{"a":1}` {
		t.Errorf("the upstream got %s %s %q", r.Method, r.RequestURI, body)
	}
	checkIdentity(t, r, g)

	c.do(t, call{url: edge + "/some/path"}).mustRefuse(t, http.StatusUnauthorized, "token_missing")
	c.do(t, call{url: edge + "/", bearer: "nonsense"}).mustRefuse(t, http.StatusUnauthorized, "token_malformed")
	huge := call{url: edge + "/", bearer: g.AccessToken, body: strings.Repeat("a", 9<<20)}
	c.insist(t, huge).mustRefuse(t, http.StatusRequestEntityTooLarge, "payload_too_large")
	c.do(t, call{method: http.MethodPost, url: c.issuers[0].url + "/v1/logout", bearer: g.AccessToken})
	c.mustRefuse(t, g)
	c.do(t, call{url: edge + "/", bearer: g.AccessToken}).mustRefuse(t, http.StatusUnauthorized, "token_revoked")
	if len(c.upstream.got) > 0 {
		t.Errorf("a refused request reached the upstream: %s", (<-c.upstream.got).RequestURI)
	}
}

// checkIdentity: every identity header is there once, and is ours.
func checkIdentity(t *testing.T, r *http.Request, g grant) {
	t.Helper()
	want := map[string]string{
		"X-Curfew-User": "id-carol", "X-Curfew-Session": g.SessionID, "X-Curfew-Tenant": "acme",
		"X-Curfew-Roles": "user,carol-role", "X-Curfew-Scope": "", "X-Curfew-Issuer": claim(t, g.AccessToken, "iss").(string),
	}
	for name, value := range want {
		if got := r.Header.Values(name); len(got) != 1 || got[0] != value {
			t.Errorf("the upstream got %s: %q, want %q", name, got, value)
		}
	}
	for name := range r.Header {
		if _, ours := want[name]; !ours && strings.Contains(strings.ToLower(name), "curfew") {
			t.Errorf("the upstream got %s: %q", name, r.Header[name])
		}
	}
}

// stripIdentity: whatever a client says about its identity is not passed on,
// in no spelling, and it cannot have our headers taken off either.
func stripIdentity(t *testing.T, c *cluster) {
	g := c.login(t, c.issuers[0], "carol")
	for _, forged := range []string{
		"X-Curfew-User: root",
		"x-curfew-user: root\r\nX-CURFEW-USER: root",
		"X_Curfew_User: root", "x_curfew-user: root", "X-Curfew_User: root",
		"X-Curfew-Roles: admin", "X_Curfew_Roles: admin", "X-Curfew-Scope: all", "X-Curfew-Anything: new",
		"Connection: X-Curfew-User, X-Curfew-Scope",
		"Connection: keep-alive, x-curfew-roles\r\nConnection: X-Curfew-Tenant, X-Curfew-Session",
	} {
		t.Run(strings.ReplaceAll(forged, "\r\n", "+"), func(t *testing.T) {
			status := c.raw(t, "GET / HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer "+g.AccessToken+
				"\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Host: evil\r\n"+forged+"\r\n\r\n")
			if status != http.StatusTeapot {
				t.Fatalf("status %d", status)
			}
			r := c.upstream.next(t)
			checkIdentity(t, r, g)
			if f := r.Header.Get("X-Forwarded-For") + r.Header.Get("X-Forwarded-Host"); strings.Contains(f, "9.9.9.9") || strings.Contains(f, "evil") {
				t.Errorf("the upstream got a forged X-Forwarded: %s", f)
			}
		})
	}
}

// raw sends bytes to edge 3 as they are: net/http would tidy them up.
func (c *cluster) raw(t *testing.T, request string) int {
	t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(c.edges[2].url, "https://"), trusting())
	testenv.Must(t, err)
	defer conn.Close()
	testenv.Must(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, request)
	testenv.Must(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	testenv.Must(t, err)
	defer res.Body.Close()
	return res.StatusCode
}
