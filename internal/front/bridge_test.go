package front

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

	"github.com/curfew-auth/curfew/internal/testenv/ceiling"
)

// serveBoth serves one application under Fiber and under net/http.
func serveBoth(t *testing.T, routes func(*fiber.App)) (addresses map[string]string) {
	t.Helper()
	ceiling.Of(t, time.Minute)
	addresses = map[string]string{}
	for _, server := range []string{"fiber", "net/http"} {
		drain := NewDrain(0, time.Second)
		app := NewApp(AppConfig{Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), Drain: drain})
		routes(app)
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		served := make(chan error, 1)
		go func() {
			if server == "fiber" {
				served <- Serve(ctx, app, ln, Shield{}, drain)
			} else {
				served <- ServeHTTP(ctx, Bridge(app, drain), ln, Shield{}, drain)
			}
		}()
		t.Cleanup(func() {
			cancel()
			<-served
		})
		addresses[server] = ln.Addr().String()
	}
	return addresses
}

func exchange(t *testing.T, address, request string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	_, _ = io.WriteString(conn, request)
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%.80q: %v", request, err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// A handler must not be able to tell which server took its request: what it
// decides by is the same to the byte.
func TestBridgeShowsTheSameRequest(t *testing.T) {
	addresses := serveBoth(t, func(app *fiber.App) {
		app.All("/see/*", func(c *fiber.Ctx) error {
			var seen []string
			for _, name := range []string{"Authorization", "Origin", "X-Twice", "X-Forwarded-For", "Sec-Fetch-Site", "Upgrade"} {
				for _, line := range c.Request().Header.PeekAll(name) {
					seen = append(seen, name+"="+string(line))
				}
			}
			for name, value := range c.Request().Header.Cookies() {
				seen = append(seen, string(name)+"="+string(value))
			}
			_, err := Bearer(c)
			seen = append(seen, c.Method(), c.OriginalURL(), c.Path(), c.Query("q"), string(c.Request().Header.Host()), c.Context().RemoteIP().String())
			return c.SendString(strings.Join(seen, "|") + " " + asProblem(err).Code)
		})
	})
	for _, request := range []string{
		"GET /see/a%2Fb/../c?q=1%20&r#x HTTP/1.1\r\nHost: api:1",
		"GET /see//x;y=z HTTP/1.1\r\nHost: API",
		"GET http://other/see/1 HTTP/1.1\r\nHost: other",
		"DELETE /see/1 HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b",
		"GET /see/1 HTTP/1.1\r\nHost: api\r\nauthorization: Bearer a\r\nCookie: __Host-curfew-access=a; x=y\r\nCookie: __Host-curfew-access=b",
		"GET /see/1 HTTP/1.1\r\nHost: api\r\nx-twice: 1\r\nX-TWICE: 2\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2\r\nX-Forwarded-For: 3.3.3.3",
		"GET /see/1 HTTP/1.1\r\nHost: api\r\nOrigin: https://a\r\nSec-Fetch-Site: none\r\nConnection: Upgrade\r\nUpgrade: websocket",
		"BREW /see/1 HTTP/1.1\r\nHost: api", "GET /nowhere HTTP/1.1\r\nHost: api", "HEAD /see/1 HTTP/1.1\r\nHost: api",
		"POST /see/1 HTTP/1.1\r\nHost: api\r\nContent-Length: 4",
		"POST /see/1 HTTP/1.1\r\nHost: api\r\nCookie: __Host-curfew-access=a\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 4",
		"GET /see/1 HTTP/1.1\r\nHost: api\r\nX-Long: " + strings.Repeat("x", 17<<10),
		"GET /see/1 HTTP/1.1\r\nHost: api\r\nX-Long: " + strings.Repeat("x", 40<<10),
	} {
		request += "\r\nX-Request-Id: known\r\n\r\n"
		if strings.HasPrefix(request, "POST") {
			request += "body"
		}
		want, wantBody := exchange(t, addresses["fiber"], request)
		got, body := exchange(t, addresses["net/http"], request)
		if strings.Contains(request, "X-Long") { // neither server has read the id
			_, wantBody, _ = strings.Cut(wantBody, `"status"`)
			wantBody, _, _ = strings.Cut(wantBody, `,"request_id"`)
			if wantBody = strings.TrimSuffix(wantBody, "}"); !strings.Contains(body, wantBody) {
				t.Errorf("%.80q: %s, want %s", request, body, wantBody)
			}
			wantBody = body
		}
		if got.StatusCode != want.StatusCode || body != wantBody {
			t.Errorf("%.80q: %d %s\nwant %d %s", request, got.StatusCode, body, want.StatusCode, wantBody)
		}
		for _, name := range []string{"Content-Type", "Cache-Control", "X-Content-Type-Options", "Www-Authenticate"} {
			if g, w := got.Header.Values(name), want.Header.Values(name); strings.Join(g, "|") != strings.Join(w, "|") {
				t.Errorf("%.80q: %s is %q, want %q", request, name, g, w)
			}
		}
	}
}

// What a handler answers itself has what every answer has, and once.
func TestBridgeStreams(t *testing.T) {
	address := serveBoth(t, func(app *fiber.App) {
		app.Get("/", func(c *fiber.Ctx) error {
			x := ExchangeOf(c)
			if x == nil {
				return c.SendString("fiber")
			}
			if err := SetPair(c, Pair{Access: "new", Refresh: "r", Lifetime: time.Minute}); err != nil {
				return err
			}
			ShowToken(c, "new")
			h := x.Writer.Header()
			h["X-Request-Id"] = []string{"of the upstream", "twice"}
			h["Set-Cookie"] = []string{"theme=dark", AccessCookie + "=old", "__host-CURFEW-refresh=old"}
			x.Begin(c, http.StatusTeapot, h)
			x.Writer.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(x.Writer, "half")
			if c.Query("cut") != "" {
				_ = http.NewResponseController(x.Writer).Flush()
				x.Cut()
			}
			return nil
		})
	})["net/http"]
	res, body := exchange(t, address, "GET / HTTP/1.1\r\nHost: api\r\nX-Request-Id: mine\r\n\r\n")
	if res.StatusCode != http.StatusTeapot || body != "half" || strings.Join(res.Header.Values("X-Request-Id"), "|") != "mine" || res.Header.Get(TokenHeader) != "new" || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %q %v", res.StatusCode, body, res.Header)
	}
	if cookies := res.Header.Values("Set-Cookie"); len(cookies) != 3 || cookies[0] != "theme=dark" || !strings.HasPrefix(cookies[1], AccessCookie+"=new;") || !strings.HasPrefix(cookies[2], RefreshCookie+"=r;") {
		t.Errorf("cookies %q", cookies)
	}
	cut, err := http.Get("http://" + address + "/?cut=1")
	if err != nil {
		t.Fatal(err)
	}
	defer cut.Body.Close()
	if got, err := io.ReadAll(cut.Body); err == nil {
		t.Errorf("%q came as a whole answer", got)
	}
}

// A request is answered although its body never comes; what comes in time leaves the
// connection for the next request.
func TestAnswerDoesNotWaitForTheBody(t *testing.T) {
	addresses := serveBoth(t, func(app *fiber.App) {
		app.Use(func(*fiber.Ctx) error { return Forbidden() })
	})
	for _, c := range []struct {
		name, head, body string
		closes           bool
	}{
		{"no body", "Content-Length: 100\r\n\r\n", "", true},
		{"part of a body", "Content-Length: 100\r\n\r\n", "part", true},
		{"no chunks", "Transfer-Encoding: chunked\r\n\r\n", "", true},
		{"a body", "Content-Length: 4\r\n\r\n", "body", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", addresses["net/http"])
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
			_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\n"+c.head+c.body)
			answers := bufio.NewReader(conn)
			res, err := http.ReadResponse(answers, nil)
			if err != nil || res.StatusCode != http.StatusForbidden {
				t.Fatalf("%v, %v", res, err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			if c.closes {
				if _, err := answers.ReadByte(); err != io.EOF {
					t.Errorf("the connection goes on: %v", err)
				}
				return
			}
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			if res, err := http.ReadResponse(answers, nil); err != nil || res.StatusCode != http.StatusForbidden {
				t.Errorf("the next request: %v, %v", res, err)
			}
		})
	}
}
