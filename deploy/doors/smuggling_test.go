//go:build unix

package doors_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// smuggledHeaders: whatever a client says about its identity does not reach
// the app, in no spelling, and it cannot have ours taken off. A proxy may
// refuse such a request altogether.
func smuggledHeaders(t *testing.T, d *door) {
	for n, forged := range [][]string{
		{"X-Curfew-User: root"}, {"x-curfew-user: root", "X-CURFEW-USER: root"},
		{"X_Curfew_User: root"}, {"x_curfew-user: root"}, {"X-Curfew_User: root"}, {"x_CURFEW_uSER: root"},
		{"X.Curfew.User: root"}, {"X-Curfew.User: root"}, {"X!Curfew!User: root"}, {"X~Curfew-User: root"},
		{"X-Curfew-Roles: admin"}, {"X_Curfew_Roles: admin"}, {"X-Curfew-Scope: all"}, {"X_Curfew_Scope: all"},
		{"X-Curfew-Issuer: https://evil.example"}, {"X_Curfew_Issuer: https://evil.example"},
		{"X-Curfew-Tenant: other", "X_Curfew_Session: other"},
		{"X-Curfew-Assertion: a.b.c"}, {"X_Curfew_Assertion: a.b.c"}, {"Connection: X-Curfew-Assertion"},
		{"Connection: X-Curfew-User, X-Curfew-Scope"},
		{"Connection: x-curfew-roles", "Connection: X-Curfew-Tenant, X-Curfew-Session"},
		{"X-Harmless: a\r\n X-Curfew-User: root"},       // obs-fold, RFC 9112 section 5.2
		{"X-Harmless: a\r\n\tb", "X-Curfew-Scope: all"}, // and one that is none
		{"X-Curfew-User : root"}, {" X-Curfew-User: root"}, {"X-Harmless: a\nX-Curfew-User: root"}, {"X-Harmless: a\rX-Curfew-User: root"},
	} {
		a := ask{target: d.target(fmt.Sprint("headers-", n)), token: d.token, headers: forged}
		res, err := send(d.address, a.String())
		if err != nil {
			continue // hung up: a refusal too
		}
		got := d.app.got(a.target)
		if res.StatusCode != http.StatusOK {
			if err := d.refused(a.target, res, 400, 401, 403); err != nil {
				t.Errorf("%q: %v", forged, err)
			}
		} else if len(got) != 1 {
			t.Errorf("%q: 200, and %d times at the app", forged, len(got))
		} else if err := d.ours(got[0].header); err != nil {
			t.Errorf("%q: %v", forged, err)
		}
	}
}

// smuggledRequests: a request that one reader takes for the body of another
// must be decided about like any, or refused. None of these has a token.
func smuggledRequests(t *testing.T, d *door) {
	for n, framing := range []string{
		"Content-Length: %d\r\nTransfer-Encoding: chunked",
		"Transfer-Encoding: chunked\r\nContent-Length: %d",
		"Content-Length: %d\r\nTransfer-Encoding: xchunked",
		"Content-Length: %d\r\nTransfer-Encoding : chunked",
		"Content-Length: %d\r\nTransfer-Encoding: identity, chunked",
		"Content-Length: %d\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity",
		"Content-Length: %d\r\nTransfer-Encoding:\x0bchunked",
		"Content-Length: 0\r\nContent-Length: %d",
		"Content-Length: %d\r\nContent-Length: 0",
		"Content-Length: +%d",
		"Content-Length: 0, %d",
		"Connection: Content-Length\r\nContent-Length: %d",
		"Connection: Transfer-Encoding, Authorization\r\nTransfer-Encoding: chunked",
		"Content_Length: 0\r\nContent-Length: %d",
	} {
		target := d.target(fmt.Sprint("smuggled-", n))
		inner := "0\r\n\r\nGET " + target + " HTTP/1.1\r\nHost: app.example\r\nX-Curfew-User: root\r\nConnection: close\r\n\r\n"
		if strings.Contains(framing, "%d") {
			framing = fmt.Sprintf(framing, len(inner))
		}
		outer := "POST " + d.target("outer") + " HTTP/1.1\r\nHost: app.example\r\nAuthorization: Bearer " + d.token + "\r\n" + framing + "\r\n\r\n"
		_, _ = send(d.address, outer+inner) // any answer, or none
		// What waits in a connection that is kept would come with the next.
		for range 3 {
			a := ask{target: d.target("next"), token: d.token}
			if res := a.of(t, d.address); res.StatusCode != http.StatusOK {
				t.Errorf("%q: the next request got %d", framing, res.StatusCode)
			}
		}
		if got := d.app.got(target); len(got) > 0 {
			t.Errorf("%q: a request without a token reached the app", framing)
		}
	}
}
