package edge

import (
	"net/http"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/config"
)

// What a trusted proxy says of the client is continued; what anybody else says
// is dropped, in every spelling.
func TestForwardedHeaders(t *testing.T) {
	for trusted, want := range map[string]map[string]string{
		"127.0.0.0/8": {"X-Forwarded-For": "1.1.1.1, 2.2.2.2, 3.3.3.3, 127.0.0.1", "X-Forwarded-Host": "shop.example", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/shop", "X-Real-Ip": "1.1.1.1"},
		"10.0.0.0/8":  {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http"},
	} {
		got := make(chan http.Header, 1)
		g := serveWith(t, func(_ http.ResponseWriter, r *http.Request) { got <- r.Header },
			func(c *config.Edge) { c.TrustedProxies = trusted })
		send(t, http.MethodGet, g.url+"/", http.Header{
			"X-Forwarded-For": {"1.1.1.1, 2.2.2.2", "3.3.3.3"}, "X-Forwarded-Host": {"shop.example"}, "X-Forwarded-Proto": {"https"},
			"X-Forwarded-Prefix": {"/shop"}, "X-Real-Ip": {"1.1.1.1"}, "Forwarded": {"for=1.1.1.1"},
			"X_forwarded_for": {"6.6.6.6"}, "X_forwarded-Host": {"evil"}, "X.forwarded.proto": {"evil"}, "X_real_ip": {"6.6.6.6"},
		}, "")
		h := <-got
		if trusted == "10.0.0.0/8" {
			want["X-Forwarded-Host"] = g.address
		}
		for name, values := range h {
			if isForwarded(name) && strings.Join(values, "|") != want[name] {
				t.Errorf("from %s: %s is %q, want %q", trusted, name, values, want[name])
			}
			if isForwarded(name) {
				delete(want, name)
			}
		}
		if len(want) > 0 {
			t.Errorf("from %s: no %v", trusted, want)
		}
	}
}
