package front

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
)

var discard = slog.New(slog.NewTextHandler(io.Discard, nil))

// answerOf runs one handler and returns the answer.
func answerOf(t *testing.T, cookie string, handler fiber.Handler) *http.Response {
	t.Helper()
	app := NewApp(AppConfig{Name: "test", Log: discard, Registry: prometheus.NewRegistry()})
	app.Get("/", handler)
	req := httptest.NewRequest("GET", "/", http.NoBody)
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	res, err := app.Test(req)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

const keptPair = "__Host-curfew-access=a.b.c; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Strict\n" +
	"__Host-curfew-refresh=r; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Strict"

// TestSetPair: the cookies are on the answer whatever the handler does after.
func TestSetPair(t *testing.T) {
	set := func(then func(*fiber.Ctx) error) fiber.Handler {
		return func(c *fiber.Ctx) error {
			if err := SetPair(c, Pair{Access: "a.b.c", Refresh: "r", Lifetime: time.Minute}); err != nil {
				return err
			}
			return then(c)
		}
	}
	for name, then := range map[string]func(*fiber.Ctx) error{
		"done":     func(*fiber.Ctx) error { return nil },
		"problem":  func(*fiber.Ctx) error { return UpstreamUnavailable() },
		"panic":    func(*fiber.Ctx) error { panic("no") },
		"unknown":  func(*fiber.Ctx) error { return errors.New("no") },
		"replaced": func(c *fiber.Ctx) error { c.Response().Reset(); return nil },
		"cacheable": func(c *fiber.Ctx) error {
			c.Set("Cache-Control", "public")
			c.Response().Header.Add("Set-Cookie", AccessCookie+"=theirs")
			return nil
		},
	} {
		res := answerOf(t, "", set(then))
		if got := strings.Join(res.Header.Values("Set-Cookie"), "\n"); got != keptPair || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s, %q", name, got, res.Header.Get("Cache-Control"))
		}
	}
	if got := answerOf(t, "", func(*fiber.Ctx) error { return nil }).Header.Values("Set-Cookie"); got != nil {
		t.Errorf("cookies that nobody set: %q", got)
	}
}

func TestSetPairOfALargeToken(t *testing.T) {
	for size, status := range map[int]int{4096 - len(AccessCookie): 200, 4097 - len(AccessCookie): 500} {
		res := answerOf(t, "", func(c *fiber.Ctx) error {
			return SetPair(c, Pair{Access: strings.Repeat("a", size), Refresh: "r", Lifetime: time.Minute})
		})
		if got := len(res.Header.Values("Set-Cookie")); res.StatusCode != status || (got == 2) != (status == 200) {
			t.Errorf("%d bytes: %d with %d cookies", size, res.StatusCode, got)
		}
	}
}

func TestClearPair(t *testing.T) {
	got := answerOf(t, "", func(c *fiber.Ctx) error { ClearPair(c); return SessionEnded() }).Header.Values("Set-Cookie")
	want := []string{
		"__Host-curfew-access=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict",
		"__Host-curfew-refresh=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// TestTossedCookies: a page of a sibling host can set cookies for this one,
// but none that a browser or a careless parser turns into ours.
func TestTossedCookies(t *testing.T) {
	for _, c := range []struct{ cookie, access, refresh string }{
		{"__Host-curfew-access=a; __Host-curfew-refresh=r", "a", "r"},
		{"x=y;__Host-curfew-access=a;__Host-curfew-refresh=r", "a", "r"},
		{"curfew-access=a; curfew-refresh=r", "token_missing", ""},
		{"__host-curfew-access=a; __HOST-CURFEW-REFRESH=r", "token_missing", ""},
		{"__Secure-curfew-access=a; __Secure-curfew-refresh=r", "token_missing", ""},
		{"\u2000__Host-curfew-access=a; \u00a0__Host-curfew-refresh=r", "token_missing", ""},
		{"$Version=1,__Host-curfew-access=a", "token_missing", ""},
		{"$__Host-curfew-access=a", "token_missing", ""},
		{"=__Host-curfew-access=a", "token_missing", ""},
		{"x=__Host-curfew-access=a", "token_missing", ""},
		{"x,__Host-curfew-access=a", "token_missing", ""},
		{"__Host-curfew-access", "token_missing", ""},
		{"__Host-curfew-access=a; __Host-curfew-access=b", "token_malformed", ""},
		{"__Host-curfew-access=a; __Host-curfew-access=a", "token_malformed", ""},
		{"__Host-curfew-access=", "token_malformed", ""},
		{"__Host-curfew-refresh=r; __Host-curfew-refresh=s", "token_missing", "bad_request"},
		{"__Host-curfew-refresh=r; __Host-curfew-refresh=r", "token_missing", "bad_request"},
		{"__Host-curfew-refresh=", "token_missing", "bad_request"},
		{"__Host-curfew-refresh=r r", "token_missing", "bad_request"},
		{"__Host-curfew-refresh=" + strings.Repeat("r", 256), "token_missing", strings.Repeat("r", 256)},
		{"__Host-curfew-refresh=" + strings.Repeat("r", 257), "token_missing", "bad_request"},
	} {
		var access, refresh string
		answerOf(t, c.cookie, func(ctx *fiber.Ctx) (err error) {
			if access, err = Bearer(ctx); err != nil {
				access = asProblem(err).Code
			}
			if refresh, err = RefreshToken(ctx); err != nil {
				refresh = asProblem(err).Code
			}
			return nil
		})
		if access != c.access || refresh != c.refresh {
			t.Errorf("%.80q: access %q, refresh %q", c.cookie, access, refresh)
		}
	}
}

func TestStripPair(t *testing.T) {
	for _, c := range []struct{ in, want []string }{
		{nil, nil},
		{[]string{"a=b"}, []string{"a=b"}},
		{[]string{"a=b; __Host-curfew-access=x; c=d=e; __Host-curfew-refresh=y"}, []string{"a=b; c=d=e"}},
		{[]string{"__Host-curfew-access=x;__Host-curfew-refresh=y"}, nil},
		{[]string{"__Host-curfew-access=x", "a=b", "__Host-curfew-refresh=y; c=d"}, []string{"a=b", "c=d"}},
		{[]string{"__HOST-Curfew-Refresh=x; \u2000__Host-curfew-refresh=x; __Host-curfew-refresh =x; __Host-curfew-refresh"}, nil},
		{[]string{`a="b; __Host-curfew-refresh=x; c"`}, []string{`a="b; c"`}},
		{[]string{"__Host-curfew-refresh=x; __Host-curfew-refresh=y; __Host-curfew-refreshed=z"}, []string{"__Host-curfew-refreshed=z"}},
	} {
		h := http.Header{"X": {"y"}}
		if c.in != nil {
			h["Cookie"] = c.in
		}
		if StripPair(h); !slices.Equal(h["Cookie"], c.want) || h.Get("X") != "y" {
			t.Errorf("%q: got %q, want %q", c.in, h["Cookie"], c.want)
		}
	}
}
