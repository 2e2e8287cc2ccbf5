package issuer_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// TestLogoutWithCookiesWithoutTheStore: the log takes it. What the keys do not show
// of the refresh token, as when they have been changed since, the access token does,
// if both are of one session.
func TestLogoutWithCookiesWithoutTheStore(t *testing.T) {
	b := start(t, nil)
	login := call{url: b.url + "/v1/login", body: `{"username":"alice","password":"` + password + `","cookies":true}`}
	mine, other := cookiesOf(t, login.do(t)), cookiesOf(t, login.do(t))
	access, _, _ := strings.Cut(mine.Get("Cookie"), "; ")
	_, refresh, _ := strings.Cut(other.Get("Cookie"), "; ")
	b.store.Close()
	sid := func(cookie string) string {
		_, raw, _ := strings.Cut(cookie, "=")
		id, err := session.SessionOf(raw)
		testenv.Must(t, err)
		return id
	}
	_, own, _ := strings.Cut(mine.Get("Cookie"), "; ")
	for what, c := range map[string]struct {
		access, refresh string
		ends            string // the session; none: 503
	}{
		"both of one session":                      {access, own, sid(own)},
		"of two sessions":                          {access, refresh, sid(refresh)},
		"of one, opened by keys that are gone":     {access, unproven(own), sid(own)},
		"of two, one opened by keys that are gone": {access, unproven(refresh), ""},
	} {
		a := call{method: http.MethodPost, url: b.url + "/v1/logout", header: http.Header{"Cookie": {c.access + "; " + c.refresh}}}.do(t)
		if c.ends == "" {
			a.want(t, what, http.StatusServiceUnavailable, "unavailable")
			continue
		}
		a.want(t, what, http.StatusAccepted, "")
		if got := a.header.Values("Set-Cookie"); a.field(t, "status") != "pending" || a.field(t, "id") != c.ends || len(got) != 2 {
			t.Errorf("%s: %s with cookies %q", what, a.body, got)
		}
	}
}

// unproven is the cookie of a refresh token with another family part.
func unproven(cookie string) string {
	name, raw, _ := strings.Cut(cookie, "=cfr_")
	b, err := base64.RawURLEncoding.DecodeString(raw)
	if err != nil {
		panic(err)
	}
	b[16] ^= 1
	return name + "=cfr_" + base64.RawURLEncoding.EncodeToString(b)
}
