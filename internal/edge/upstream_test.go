package edge

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/testenv/ceiling"
)

// hangs is when a test is given up that waits for what does not come.
const hangs = time.Minute

// A gate is a proxy under test, with everybody let in as alice.
type gate struct {
	*upstream
	url, address string
	stop         func() // stops the edge and waits for it
	metrics      *prometheus.Registry
}

// serve puts a proxy in front of an upstream and returns its URL.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	return serveWith(t, handler, nil).url
}

func serveWith(t *testing.T, handler http.HandlerFunc, change func(*config.Edge)) *gate {
	t.Helper()
	ceiling.Of(t, hangs)
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return serveTarget(t, s.URL, change)
}

func serveTarget(t *testing.T, target string, change func(*config.Edge)) *gate {
	t.Helper()
	var cfg config.Edge
	config.Defaults(&cfg)
	if change != nil {
		change(&cfg)
	}
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	trusted, err := front.ParseProxies(cfg.TrustedProxies)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{upstream: newUpstream(cfg, to, nil, trusted), metrics: prometheus.NewRegistry()}
	g.bound = func() time.Duration { return cfg.Staleness }
	g.check = func(*fiber.Ctx) (admission, error) {
		return admission{id: guard.Identity{UserID: "alice", Tenant: "default", Roles: []string{"a", "b"}}}, nil
	}
	g.live = func(ctx context.Context, _ string, _ guard.Mode) (context.Context, context.CancelFunc, error) {
		return ctx, func() {}, nil
	}
	drain := front.NewDrain(0, finish)
	g.ending = drain.Begun()
	app := front.NewApp(front.AppConfig{Log: slog.New(slog.DiscardHandler), Registry: g.metrics, Drain: drain})
	app.Get("/built-in", func(c *fiber.Ctx) error { return c.SendString("ours") })
	app.Use(g.handle)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() {
		_ = front.ServeHTTP(ctx, front.Bridge(app, drain), ln, front.Shield{}, drain)
		close(served)
	}()
	g.stop = func() {
		cancel()
		<-served
	}
	t.Cleanup(g.stop)
	g.address = ln.Addr().String()
	g.url = "http://" + g.address
	return g
}

func send(t *testing.T, method, url string, header http.Header, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

func TestIdentityHeadersAreOurs(t *testing.T) {
	for name, header := range map[string]http.Header{
		"none":            {},
		"forged":          {"X-Curfew-User": {"mallory"}, "X-Curfew-Roles": {"admin"}},
		"underscores":     {"X_curfew_user": {"mallory"}, "X_CURFEW_ROLES": {"admin"}},
		"dots":            {"X.Curfew.User": {"mallory"}, "X-Curfew.Roles": {"admin"}},
		"others":          {"X!Curfew!User": {"mallory"}, "X~curfew-Roles": {"admin"}},
		"lower case":      {"x-curfew-user": {"mallory"}},
		"unknown one":     {"X-Curfew-Whatever": {"admin"}},
		"twice":           {"X-Curfew-User": {"mallory", "eve"}},
		"hop by hop":      {"Connection": {"keep-alive, X-Curfew-User, X-Curfew-Tenant"}},
		"forged and hop":  {"Connection": {"X-Curfew-User"}, "X-Curfew-User": {"mallory"}},
		"forwarded chain": {"X-Forwarded-For": {"6.6.6.6"}, "X-Forwarded-Host": {"evil"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := make(chan http.Header, 1)
			base := serve(t, func(_ http.ResponseWriter, r *http.Request) { got <- r.Header })
			send(t, http.MethodGet, base+"/", header, "")
			want := map[string]string{
				"X-Curfew-User": "alice", "X-Curfew-Session": "", "X-Curfew-Tenant": "default",
				"X-Curfew-Roles": "a,b", "X-Curfew-Scope": "", "X-Curfew-Issuer": "", "X-Forwarded-For": "127.0.0.1",
			}
			seen := <-got
			for name, value := range want {
				if v := seen[name]; len(v) != 1 || v[0] != value {
					t.Errorf("%s is %q, want %q", name, v, value)
				}
			}
			for name, values := range seen {
				plain := strings.ReplaceAll(strings.ToLower(name), "_", "-")
				if _, ours := want[name]; strings.HasPrefix(plain, "x-curfew-") && !ours {
					t.Errorf("%s: %q came through", name, values)
				}
			}
			if host := seen.Get("X-Forwarded-Host"); host == "evil" {
				t.Error("the client's X-Forwarded-Host came through")
			}
		})
	}
}

func TestRequestsAndAnswersPassWhole(t *testing.T) {
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", r.Method+" "+r.URL.RequestURI())
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write(append([]byte("echo "), body...))
	})
	big := strings.Repeat("x", 3<<20)
	for range 3 {
		res := send(t, http.MethodPut, base+"/a%2Fb/c?d=e%20f", nil, big)
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusTeapot || string(body) != "echo "+big {
			t.Fatalf("status %d, %d bytes, %v", res.StatusCode, len(body), err)
		}
		if got := res.Header.Get("X-Seen"); got != "PUT /a%2Fb/c?d=e%20f" {
			t.Errorf("the upstream saw %q", got)
		}
	}
}

func TestAnUpstreamThatFailsIsABadGateway(t *testing.T) {
	for name, base := range map[string]string{
		"gone": serveTarget(t, "http://127.0.0.1:1", nil).url, // a port nobody is given
		"hangs up": serve(t, func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		}),
	} {
		if res := send(t, http.MethodGet, base+"/", nil, ""); res.StatusCode < 500 {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
	cut := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write(bytes.Repeat([]byte("x"), 500))
		panic(http.ErrAbortHandler)
	})
	res, err := http.Get(cut + "/")
	if err != nil {
		return // cut off, as it should be
	}
	defer res.Body.Close()
	if _, err := io.ReadAll(res.Body); err == nil && res.StatusCode == http.StatusOK {
		t.Error("half an answer came as a whole one")
	}
}
