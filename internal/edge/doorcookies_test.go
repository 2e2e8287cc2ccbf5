package edge

import (
	"strings"
	"testing"
)

// A proxy asks with GET about a POST that a foreign page made the browser send.
func TestDoorsGuardCookies(t *testing.T) {
	address := serveDoors(t, "X-Curfew-")
	const (
		cookie       = "\r\nCookie: __Host-curfew-access=alice"
		cross        = "\r\nSec-Fetch-Site: cross-site"
		same         = "\r\nSec-Fetch-Site: same-origin"
		evil         = "\r\nOrigin: https://evil.example"
		get, post    = "\r\nX-Forwarded-Method: GET", "\r\nX-Forwarded-Method: POST"
		nget, npost  = "\r\nX-Original-Method: GET", "\r\nX-Original-Method: POST"
		app, listed  = "\r\nOrigin: https://app.example.com", "\r\nOrigin: https://good.example"
		host         = "\r\nX-Forwarded-Host: app.example.com"
		forward      = "/authz/forward"
		socket       = "\r\nConnection: Upgrade\r\nUpgrade: websocket"
		nginx, envoy = "/authz/nginx", "/authz/envoy/pay"
	)
	for _, c := range []struct {
		method, path, head string
		want               int
	}{
		{"GET", forward, cookie + post + cross, 403},
		{"GET", forward, cookie + post + evil, 403},
		{"GET", forward, cookie + post + "\r\nSec-Fetch-Site: same-site", 403},
		{"GET", forward, cookie + post + same, 200},
		{"GET", forward, cookie + post + app + host, 200},
		{"GET", forward, cookie + post + app, 403}, // Host is the edge's
		{"GET", forward, cookie + post + app + host + host, 403},
		{"GET", forward, cookie + post + cross + listed, 200},
		{"GET", forward, cookie + post, 200},
		{"GET", forward, cookie + get + cross, 200},
		{"GET", forward, cookie + "\r\nX-Forwarded-Method: HEAD" + cross, 200},
		{"GET", forward, cookie + cross, 403}, // nobody says which method
		{"GET", forward, cookie, 200},
		{"GET", forward, cookie + get + post + cross, 403},
		{"GET", forward, cookie + get + npost + cross, 403},
		{"GET", forward, cookie + "\r\nX-Forwarded-Method: get" + cross, 403},
		{"GET", forward, cookie + "\r\nX-Forwarded-Method:" + cross, 403},
		{"POST", forward, cookie + get + cross, 403},
		{"GET", forward, bearer("alice") + post + cross, 200}, // no cookie of ours
		{"GET", forward, bearer("alice") + cookie + post + cross, 403},
		{"GET", forward, "\r\nCookie: __Host-curfew-refresh=x" + bearer("alice") + post + cross, 403},

		{"GET", forward, cookie + get + cross + socket, 403},
		{"GET", forward, cookie + get + same + socket, 200},
		{"GET", forward, bearer("alice") + get + cross + socket, 200},

		{"GET", nginx, cookie + npost + cross, 403},
		{"GET", nginx, cookie + nget + cross, 200},
		{"GET", nginx, cookie + npost + same, 200},
		{"GET", nginx, cookie + cross, 403},
		{"GET", nginx, cookie + nget + post + cross, 403},

		{"GET", envoy, cookie + cross, 200}, // the client's own method
		{"POST", envoy, cookie + cross, 403},
		{"POST", envoy, cookie + get + cross, 403},
		{"GET", envoy, cookie + post + cross, 403},
		{"POST", envoy, cookie + same, 200},
		{"GET", envoy, cookie + cross + socket, 403},
		{"DELETE", "/authz/envoy", cookie + evil, 403},
	} {
		res := knock(t, address, c.method+" "+c.path+" HTTP/1.1"+c.head)
		if res.StatusCode != c.want || (res.Header.Get("X-Curfew-User") == "u-1") != (c.want == 200) {
			t.Errorf("%s %s with %q: %d %v, want %d", c.method, c.path, c.head, res.StatusCode, res.Header, c.want)
		}
		if code := res.Header.Get("X-Curfew-Code"); c.want == 403 && c.method == "GET" && code != "forbidden" {
			t.Errorf("%s %s with %q: code %q", c.method, c.path, strings.TrimSpace(c.head), code)
		}
	}
}
