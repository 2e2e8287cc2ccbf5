package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestLocalhostCookies holds docs/sessions.md to what it says about trials
// without https.
func TestLocalhostCookies(t *testing.T) {
	const name = "__Host-curfew-access"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := "none"
		if c, err := r.Cookie(name); err == nil {
			got = c.Value
		}
		http.SetCookie(w, &http.Cookie{Name: name, Value: "kept", Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
		fmt.Fprintf(w, "<p id=got>%s</p>", got)
	}))
	t.Cleanup(server.Close)
	tab := startBrowser(t, &site{})
	for _, c := range []struct{ host, want string }{{"localhost", "kept"}, {"127.0.0.1", "kept"}} {
		u, _ := url.Parse(server.URL)
		u.Host = c.host + ":" + u.Port()
		run(t, tab, chromedp.Navigate(u.String()), chromedp.Navigate(u.String()))
		got, err := chromedp.Run(tab, chromedp.Evaluate[string](`document.body.innerText`))
		if err != nil || strings.TrimSpace(got) != c.want {
			t.Errorf("%s: the second request had %q, want %q (%v)", c.host, got, c.want, err)
		}
	}
}
