package guard_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// A page of another origin, a sibling host's too, changes nothing with the
// cookie that it makes a browser send.
func TestCookiesOfOtherPages(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(withoutStore)
	testenv.Eventually(t, ceiling, n.Ready)
	token := m.token("s-1", "", time.Hour)
	h := guard.Middleware(n.Guard, guard.AllowOrigins("https://good.example"))(http.HandlerFunc(hello))
	cookie, bearer := "Cookie: "+guard.AccessCookie+"="+token, "Authorization: Bearer "+token
	for _, c := range []struct {
		method string
		header []string
		want   int
	}{
		{"POST", []string{cookie, "Sec-Fetch-Site: cross-site"}, 403}, {"DELETE", []string{cookie, "Sec-Fetch-Site: same-site"}, 403},
		{"POST", []string{cookie, "Origin: https://evil.example"}, 403}, {"POST", []string{cookie, "Origin: null"}, 403},
		{"POST", []string{cookie, bearer, "Sec-Fetch-Site: cross-site"}, 403},
		{"GET", []string{cookie, "Sec-Fetch-Site: same-site", "Connection: Upgrade", "Upgrade: websocket"}, 403},
		{"POST", []string{cookie, "Sec-Fetch-Site: same-origin"}, 200}, {"POST", []string{cookie, "Origin: https://example.com"}, 200},
		{"POST", []string{cookie, "Sec-Fetch-Site: cross-site", "Origin: https://good.example"}, 200},
		{"POST", []string{cookie}, 200}, {"POST", []string{bearer, "Sec-Fetch-Site: cross-site"}, 200},
		{"GET", []string{cookie, "Sec-Fetch-Site: cross-site"}, 200},
		{"GET", []string{cookie, "Sec-Fetch-Site: same-origin", "Connection: Upgrade", "Upgrade: websocket"}, 200},
		{"GET", []string{bearer, "Sec-Fetch-Site: cross-site", "Connection: Upgrade", "Upgrade: websocket"}, 200},
	} {
		r := httptest.NewRequestWithContext(t.Context(), c.method, "https://example.com/", nil)
		for _, line := range c.header {
			name, value, _ := strings.Cut(line, ": ")
			r.Header.Add(name, value)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if res := w.Result(); c.want == 403 {
			wantProblem(t, res, 403, "forbidden", "")
		} else if res.StatusCode != c.want {
			t.Errorf("%s %q: %d", c.method, c.header, res.StatusCode)
		}
	}
}

func TestAllowOriginsTakesOrigins(t *testing.T) {
	for _, text := range []string{"app.example.com", "https://app.example.com/", ""} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q passed for an origin", text)
				}
			}()
			guard.AllowOrigins(text)
		}()
	}
}
