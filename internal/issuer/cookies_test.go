package issuer_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// cookiesOf are the cookies that an answer sets, as a browser sends them back.
func cookiesOf(t *testing.T, a answer) http.Header {
	t.Helper()
	var pairs []string
	for _, line := range a.header.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		testenv.Must(t, err)
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	if a.status != http.StatusOK || len(pairs) != 2 {
		t.Fatalf("%d with cookies %q", a.status, pairs)
	}
	return http.Header{"Cookie": {strings.Join(pairs, "; ")}}
}

// TestCookiesOfABoundSession: who does not name the device does not lose them.
func TestCookiesOfABoundSession(t *testing.T) {
	b := start(t, func(c *config.Issuer) { c.BindDevice = true })
	login := `{"username":"alice","password":"` + password + `","device":{"id":"d-1"},"cookies":true}`
	header := cookiesOf(t, call{url: b.url + "/v1/login", body: login}.do(t))
	for device, kept := range map[string]bool{"": true, "d-2": false} {
		if device != "" {
			header.Set("X-Curfew-Device", device)
		}
		a := call{method: http.MethodPost, url: b.url + "/v1/refresh", header: header}.do(t)
		a.want(t, "refresh", http.StatusUnauthorized, "refresh_invalid")
		if got := len(a.header.Values("Set-Cookie")) == 0; got != kept {
			t.Errorf("device %q: cookies %q", device, a.header.Values("Set-Cookie"))
		}
		header.Del("X-Curfew-Device")
	}
	header.Set("X-Curfew-Device", "d-1") // the session has been left as it was
	cookiesOf(t, call{method: http.MethodPost, url: b.url + "/v1/refresh", header: header}.do(t))
}
