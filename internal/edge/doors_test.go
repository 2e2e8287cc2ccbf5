package edge

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/testenv/ceiling"
)

// people are whose tokens the doors under test take, and why they refuse.
var people = map[string]struct {
	id  guard.Identity
	err error
}{
	"alice":   {id: guard.Identity{UserID: "u-1", SessionID: "s-1", Tenant: "acme", Roles: []string{"a", "b"}, Scope: "read write"}},
	"bare":    {id: guard.Identity{UserID: "u-2"}},
	"comma":   {id: guard.Identity{UserID: "u-3", Roles: []string{"user,admin"}}},
	"newline": {id: guard.Identity{UserID: "u-4\r\nX-Curfew-Roles: admin"}},
	"hollow":  {id: guard.Identity{UserID: "u-6", Roles: []string{"a", ""}}},
	"blank":   {id: guard.Identity{UserID: "u-5 "}},
	"revoked": {err: guard.ErrRevoked},
	"expired": {err: guard.ErrExpired},
	"invalid": {err: guard.ErrInvalid},
	"unknown": {err: guard.ErrUnknown},
}

func checkPeople(_ context.Context, raw string) (guard.Identity, error) {
	p, known := people[raw]
	if !known {
		return guard.Identity{}, guard.ErrMalformed
	}
	return p.id, p.err
}

// serveDoors serves the doors beside a page that answers 200 to everyone.
func serveDoors(t *testing.T, prefix string) (address string) {
	t.Helper()
	ceiling.Of(t, hangs)
	registry := prometheus.NewRegistry()
	origins := front.ParseOrigins("https://good.example")
	app := front.NewApp(front.AppConfig{Log: slog.New(slog.DiscardHandler), Registry: registry, Origins: origins})
	front.Probes(app, func() error { return nil })
	front.Metrics(app, registry)
	(&doors{check: checkPeople, names: newNaming(prefix), origins: origins}).register(app)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- front.Serve(ctx, app, ln, front.Shield{}, front.NewDrain(0, time.Second)) }()
	t.Cleanup(func() {
		cancel()
		<-served
	})
	return ln.Addr().String()
}

// knock sends a request as it is written: net/http would tidy it up.
func knock(t *testing.T, address, head string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, head+"\r\nHost: edge\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(head, " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func bearer(person string) string { return "\r\nAuthorization: Bearer " + person }

// challenges looks at the start of the challenge: the rest is words for people.
func challenges(h http.Header, want string) bool {
	got := h.Get("WWW-Authenticate")
	return strings.HasPrefix(got, want) && (got == "") == (want == "")
}

func TestDoorsAnswerInEachDialect(t *testing.T) {
	address := serveDoors(t, "X-Curfew-")
	const forward, nginx, envoy = "/authz/forward", "/authz/nginx", "/authz/envoy/orders/7?x=1"
	for person, want := range map[string]struct {
		status, nginx   int
		code, challenge string
	}{
		"alice":   {200, 200, "", ""},
		"bare":    {200, 200, "", ""},
		"revoked": {401, 401, "token_revoked", `Bearer error="invalid_token", `},
		"expired": {401, 401, "token_expired", `Bearer error="invalid_token", `},
		"invalid": {401, 401, "token_invalid", `Bearer error="invalid_token", `},
		"garbage": {401, 401, "token_malformed", `Bearer error="invalid_token", `},
		"":        {401, 401, "token_missing", `Bearer realm="curfew"`},
		"comma":   {403, 403, "forbidden", `Bearer error="insufficient_scope", `},
		"newline": {403, 403, "forbidden", `Bearer error="insufficient_scope", `},
		"hollow":  {403, 403, "forbidden", `Bearer error="insufficient_scope", `},
		"blank":   {403, 403, "forbidden", `Bearer error="insufficient_scope", `},
		"unknown": {503, 403, "freshness_unknown", ""},
	} {
		for _, path := range []string{forward, nginx, envoy} {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
				head := method + " " + path + " HTTP/1.1"
				if person != "" {
					head += bearer(person)
				}
				res := knock(t, address, head)
				status := want.status
				if path == nginx {
					status = want.nginx
				}
				if res.StatusCode != status || res.Header.Get("X-Curfew-Code") != want.code || !challenges(res.Header, want.challenge) {
					t.Errorf("%s %s for %q: %d %v, want %d %q", method, path, person, res.StatusCode, res.Header, status, want.code)
				}
				if retry := res.Header.Get("Retry-After"); (want.code == "freshness_unknown") != (retry != "") {
					t.Errorf("%s %s for %q: Retry-After %q", method, path, person, retry)
				}
			}
		}
	}
}

func TestDoorsAlwaysSetEveryIdentityHeader(t *testing.T) {
	address := serveDoors(t, "X-Acme-")
	for person, want := range map[string][]string{
		"alice": {"u-1", "s-1", "acme", "a,b", "read write"},
		"bare":  {"u-2", "", "", "", ""},
	} {
		for _, path := range []string{"/authz/forward", "/authz/nginx", "/authz/envoy"} {
			res := knock(t, address, "GET "+path+" HTTP/1.1"+bearer(person)+
				"\r\nX-Acme-User: root\r\nX_Acme_User: root\r\nX-Acme-Roles: admin\r\nX-Curfew-User: root")
			for i, name := range []string{"User", "Session", "Tenant", "Roles", "Scope"} {
				if got := res.Header.Values("X-Acme-" + name); len(got) != 1 || got[0] != want[i] {
					t.Errorf("%s for %s: %s is %q, want %q", path, person, name, got, want[i])
				}
			}
			for name, values := range res.Header {
				if strings.Contains(strings.Join(values, " "), "root") || strings.HasPrefix(name, "X-Curfew") {
					t.Errorf("%s for %s answered %s: %q", path, person, name, values)
				}
			}
		}
	}
}

// Whoever may choose the rest of the path must not reach another page with it.
func TestNoPathLeadsAroundTheDoor(t *testing.T) {
	address := serveDoors(t, "X-Curfew-")
	for _, path := range []string{
		"/authz/envoy/../../livez", "/authz/envoy/../livez", "/authz/envoy/..%2f..%2flivez", "/authz/envoy/%2e%2e/%2e%2e/livez",
		"/authz/envoy/..\\..\\livez", "/authz/envoy//../../livez", "/authz/envoy/./../../livez?", "/authz/envoy/../../livez#x",
		"/authz/envoy/../../authz/../livez", "/authz/envoy/;/../../livez", "http://edge/authz/envoy/../../livez",
		"/authz/forward/../../livez", "/authz/nginx/../../livez", "/authz/envoy../livez", "/authz/envoy*", "/authz//livez",
		"/authz/forward?token=alice", "/authz/forward?access_token=alice", "/authz/forward?authorization=Bearer%20alice",
	} {
		if res := knock(t, address, "GET "+path+" HTTP/1.1"); res.StatusCode < 400 {
			t.Errorf("%s without a token: %d", path, res.StatusCode)
		}
	}
}

func TestDoorsBelieveNothingButTheToken(t *testing.T) {
	address := serveDoors(t, "X-Curfew-")
	const cookie = "\r\nCookie: __Host-curfew-access="
	for head, want := range map[string]int{
		bearer("alice"):                         200,
		cookie + "alice":                        200,
		bearer("alice") + cookie + "alice":      200,
		bearer("alice") + cookie + "bare":       401,
		bearer("alice") + bearer("bare"):        401,
		cookie + "alice" + cookie + "bare":      401,
		"\r\nProxy-Authorization: Bearer alice": 401,
		"\r\nX-Authorization: Bearer alice":     401,
		"\r\nAuthorization : Bearer alice":      401,
		"\r\nauthorization_: Bearer alice":      401,
		"\r\nCookie: curfew-access=alice":       401,
		"\r\nX-Curfew-User: u-1":                401,
		"\r\nX-Original-Uri: /livez":            401,
		"\r\nX-Original-Url: /livez":            401,
		"\r\nX-Rewrite-Url: /livez":             401,
		"\r\nX-Forwarded-Uri: /livez":           401,
		"\r\nX-Forwarded-Prefix: /livez":        401,
		"\r\nX-Http-Method-Override: OPTIONS":   401,
		"\r\nX-Forwarded-Method: OPTIONS":       401,
	} {
		for _, path := range []string{"/authz/forward", "/authz/nginx", "/authz/envoy/x"} {
			if res := knock(t, address, "GET "+path+" HTTP/1.1"+head); res.StatusCode != want && (want == 200 || res.StatusCode < 400) {
				t.Errorf("%s with %q: %d, want %d", path, head, res.StatusCode, want)
			}
		}
	}
}

// BenchmarkDoor is the whole path of a request within this process, beside a
// bare route that answers the same.
func BenchmarkDoor(b *testing.B) {
	ours := front.NewApp(front.AppConfig{Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	(&doors{check: checkPeople, names: newNaming("X-Curfew-")}).register(ours)
	bare := fiber.New(fiber.Config{DisableStartupMessage: true})
	bare.Get("/authz/forward", func(c *fiber.Ctx) error {
		for _, name := range []string{"Cache-Control", "X-Content-Type-Options", "X-Curfew-User", "X-Curfew-Session",
			"X-Curfew-Tenant", "X-Curfew-Roles", "X-Curfew-Scope", "X-Curfew-Issuer", "X-Request-Id"} {
			c.Set(name, "0123456789")
		}
		return nil
	})
	for name, app := range map[string]*fiber.App{"ours": ours, "bare": bare} {
		b.Run(name, func(b *testing.B) {
			var ctx fasthttp.RequestCtx
			handler := app.Handler()
			b.ReportAllocs()
			for b.Loop() {
				ctx.Request.Reset()
				ctx.Request.SetRequestURI("/authz/forward")
				ctx.Request.Header.Set("Authorization", "Bearer alice")
				ctx.ResetUserValues()
				ctx.Response.Reset()
				handler(&ctx)
				if ctx.Response.StatusCode() != http.StatusOK {
					b.Fatal(ctx.Response.StatusCode())
				}
			}
		})
	}
}
