//go:build unix

package doors_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// key makes a WebSocket's request whole (RFC 6455 section 4.1).
var key = []string{"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}

// smuggledProtocols: a client must not get a connection to the app on which it
// speaks HTTP/2 or TLS, because nobody would look at the requests on it.
func smuggledProtocols(t *testing.T, d *door) {
	const settings = "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"
	for n, offer := range [][]string{
		{"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", settings}, {"Connection: Upgrade", "Upgrade: h2c", settings},
		{"connection: upgrade", "upgrade: H2C", settings}, {"Connection: Upgrade", "Upgrade: websocket, h2c", settings},
		{"Connection: Upgrade", "Upgrade: websocket", "Upgrade: h2c", settings},
		{"Connection: Upgrade", "Upgrade: HTTP/2.0"}, {"Connection: Upgrade", "Upgrade: TLS/1.0"},
	} {
		a := ask{target: d.target(fmt.Sprint("protocol-", n)), token: d.token, headers: append(offer, key...)}
		res, err := send(d.address, strings.Replace(a.String(), "Connection: close\r\n", "", 1))
		if err != nil || res.StatusCode != http.StatusOK && res.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %v, %v", offer, res, err)
		}
		for _, got := range d.app.got(a.target) {
			if up := strings.Join(got.header.Values("Upgrade"), "|"); up != "" && up != "websocket" {
				t.Errorf("%q: the app was offered %q", offer, up)
			}
		}
	}
}

// sockets: a WebSocket passes, also with a cookie, but not if a page of another
// origin opens it.
func sockets(t *testing.T, d *door) {
	for n, c := range []struct {
		token, site string
		want        int
	}{{d.token, "cross-site", 200}, {"", "same-origin", 200}, {"", "cross-site", 403}, {"", "same-site", 403}} {
		a := ask{target: d.target(fmt.Sprint("socket-", n)), token: c.token, headers: append([]string{
			"Connection: Upgrade", "Upgrade: websocket", "Sec-Fetch-Site: " + c.site, "X-Original-Method: GET", "X-Forwarded-Method: GET"}, key...)}
		if c.token == "" {
			a.headers = append(a.headers, "Cookie: __Host-curfew-access="+d.token)
		}
		res, err := send(d.address, strings.Replace(a.String(), "Connection: close\r\n", "", 1))
		testenv.Must(t, err)
		got := d.app.got(a.target)
		if c.want != 200 {
			if err := d.refused(a.target, res, c.want); err != nil {
				t.Errorf("%+v: %v", c, err)
			}
		} else if len(got) != 1 || got[0].header.Get("Upgrade") != "websocket" {
			t.Errorf("%+v: %d, at the app %v", c, res.StatusCode, got)
		}
	}
}
