package front

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
)

func TestOriginsAllow(t *testing.T) {
	o := ParseOrigins("https://www.example.com, https://shop.example.com:8443,")
	for _, c := range []struct {
		host         string
		site, origin []string
		want         bool
	}{
		{"app.example.com", []string{"same-origin"}, nil, true},
		{"app.example.com", []string{"none"}, nil, true},
		{"app.example.com", []string{"same-site"}, nil, false},
		{"app.example.com", []string{"cross-site"}, nil, false},
		{"app.example.com", []string{""}, nil, false},
		{"app.example.com", []string{"Same-Origin"}, nil, false},
		{"app.example.com", []string{"same-origin, cross-site"}, nil, false},
		{"app.example.com", []string{"same-origin", "cross-site"}, nil, false},
		{"app.example.com", []string{"cross-site"}, []string{"https://app.example.com"}, false},

		{"app.example.com", []string{"same-site"}, []string{"https://www.example.com"}, true},
		{"app.example.com", []string{"cross-site"}, []string{"https://shop.example.com:8443"}, true},
		{"app.example.com", []string{"same-site"}, []string{"https://shop.example.com"}, false},
		{"app.example.com", []string{"same-site"}, []string{"http://www.example.com"}, false},
		{"app.example.com", nil, []string{"https://www.example.com"}, true},
		{"app.example.com", nil, []string{"https://www.example.com", "https://evil.example"}, false},

		{"app.example.com", nil, nil, true},
		{"app.example.com", nil, []string{"https://app.example.com"}, true},
		{"App.example.com", nil, []string{"https://app.example.com"}, true},
		{"app.example.com:8443", nil, []string{"https://app.example.com:8443"}, true},
		{"app.example.com", nil, []string{"http://app.example.com"}, false},
		{"app.example.com", nil, []string{"https://app.example.com:8443"}, false},
		{"app.example.com", nil, []string{"https://app.example.com.evil.example"}, false},
		{"app.example.com", nil, []string{"https://evil.example"}, false},
		{"app.example.com", nil, []string{"null"}, false},
		{"app.example.com", nil, []string{""}, false},
		{"app.example.com", nil, []string{"app.example.com"}, false},
		{"", nil, []string{"https://"}, false},
		{"localhost:8080", nil, []string{"http://localhost:8080"}, true},
		{"app.localhost", nil, []string{"http://app.localhost"}, true},
		{"127.0.0.1:8080", nil, []string{"http://127.0.0.1:8080"}, true},
		{"[::1]:8080", nil, []string{"http://[::1]:8080"}, true},
		{"[::1]", nil, []string{"http://[::1]"}, true},
		{"10.0.0.1:8080", nil, []string{"http://10.0.0.1:8080"}, false},
		{"localhost.evil.example", nil, []string{"http://localhost.evil.example"}, false},
	} {
		if got := o.allow(c.host, bytesOf(c.site), bytesOf(c.origin)); got != c.want {
			t.Errorf("%s, site %q, origin %q: %v, want %v", c.host, c.site, c.origin, got, c.want)
		}
	}
}

// TestGuardCookies: every route of every service is behind it.
func TestGuardCookies(t *testing.T) {
	app := NewApp(AppConfig{Name: "test", Log: discard, Registry: prometheus.NewRegistry(), Origins: ParseOrigins("https://good.example")})
	reached := 0
	app.All("/", func(c *fiber.Ctx) error { reached++; return nil })
	for _, c := range []struct {
		method, cookie, origin string
		want                   int
	}{
		{"POST", AccessCookie + "=a", "https://evil.example", 403},
		{"PUT", "x=y; " + AccessCookie + "=a", "https://evil.example", 403},
		{"PATCH", RefreshCookie + "=a", "https://evil.example", 403},
		{"DELETE", RefreshCookie + "=a", "https://evil.example", 403},
		{"TRACE", RefreshCookie + "=a", "https://evil.example", 403},
		{"POST", AccessCookie + "=a", "https://good.example", 200},
		{"POST", AccessCookie + "=a", "https://example.com", 200}, // httptest's host
		{"POST", AccessCookie + "=a", "", 200},
		{"POST", "session=ours", "https://evil.example", 200},
		{"POST", "", "https://evil.example", 200},
		{"GET", AccessCookie + "=a", "https://evil.example", 200},
		{"HEAD", AccessCookie + "=a", "https://evil.example", 200},
		{"OPTIONS", AccessCookie + "=a", "https://evil.example", 200},
	} {
		reached = 0
		req := httptest.NewRequest(c.method, "/", http.NoBody)
		for name, value := range map[string]string{"Cookie": c.cookie, "Origin": c.origin} {
			if value != "" {
				req.Header.Set(name, value)
			}
		}
		res, err := app.Test(req)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != c.want || reached != 1 && c.want == 200 || reached > 0 && c.want == 403 {
			t.Errorf("%s with %q from %q: %d, reached %d times", c.method, c.cookie, c.origin, res.StatusCode, reached)
		}
		if c.want == 403 && !strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s: no problem: %v", c.method, res.Header)
		}
	}
}

// TestCheckReadsBothHeaders: every browser sends both with a request that may
// change something.
func TestCheckReadsBothHeaders(t *testing.T) {
	for _, c := range []struct {
		site, origin string
		want         int
	}{
		{"same-origin", "https://example.com", 200},
		{"same-origin", "https://elsewhere.example", 200}, // a proxy changed Host
		{"cross-site", "https://evil.example", 403},
		{"cross-site", "https://example.com", 403},
		{"same-site", "https://sibling.example.com", 403},
		{"cross-site", "https://good.example", 200},
	} {
		app := NewApp(AppConfig{Name: "test", Log: discard, Registry: prometheus.NewRegistry(), Origins: ParseOrigins("https://good.example")})
		app.Post("/", func(*fiber.Ctx) error { return nil })
		req := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
		req.Header = http.Header{"Cookie": {AccessCookie + "=a"}, "Sec-Fetch-Site": {c.site}, "Origin": {c.origin}}
		res, err := app.Test(req)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != c.want {
			t.Errorf("%s from %s: %d, want %d", c.site, c.origin, res.StatusCode, c.want)
		}
	}
}
