package issuer_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestLogoutWithCookiesWithoutTheStore: the log takes it, as it does from who
// has an access token alone, if both cookies are of one session.
func TestLogoutWithCookiesWithoutTheStore(t *testing.T) {
	b := start(t, nil)
	login := call{url: b.url + "/v1/login", body: `{"username":"alice","password":"` + password + `","cookies":true}`}
	mine, other := cookiesOf(t, login.do(t)), cookiesOf(t, login.do(t))
	access, _, _ := strings.Cut(mine.Get("Cookie"), "; ")
	_, refresh, _ := strings.Cut(other.Get("Cookie"), "; ")
	b.store.Close()
	logout := call{method: http.MethodPost, url: b.url + "/v1/logout", header: http.Header{"Cookie": {access + "; " + refresh}}}
	logout.do(t).want(t, "cookies of two sessions", http.StatusServiceUnavailable, "unavailable")
	logout.header = mine
	a := logout.do(t)
	a.want(t, "logout", http.StatusAccepted, "")
	if got := a.header.Values("Set-Cookie"); a.field(t, "status") != "pending" || len(got) != 2 {
		t.Errorf("%s with cookies %q", a.body, got)
	}
}
