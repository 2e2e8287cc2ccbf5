package front_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/curfew-auth/curfew/internal/front"
)

func TestRequestID(t *testing.T) {
	app, _ := newApp(io.Discard)
	app.Get("/", func(c *fiber.Ctx) error { return c.SendString(front.RequestID(c) + " " + c.Get("X-Request-Id")) })
	for given, kept := range map[string]bool{
		"abc-1_2.Z": true, strings.Repeat("a", 64): true,
		"": false, "a b": false, "a\"b": false, "ä": false, strings.Repeat("a", 65): false, "a,b": false,
	} {
		req := httptest.NewRequest("GET", "/", nil)
		req.Header.Set("X-Request-Id", given)
		res := do(t, app, req)
		id := res.Header.Get("X-Request-Id")
		if (id == given) != kept || id == "" {
			t.Errorf("given %q, got %q", given, id)
		}
		if got, _ := io.ReadAll(res.Body); string(got) != id+" "+id {
			t.Errorf("handler saw %q, response has %q", got, id)
		}
	}
}

func TestRequestIDSurvivesAProxyingHandler(t *testing.T) {
	app, _ := newApp(io.Discard)
	app.Get("/", func(c *fiber.Ctx) error { c.Response().Reset(); return nil })
	if do(t, app, httptest.NewRequest("GET", "/", nil)).Header.Get("X-Request-Id") == "" {
		t.Error("no request id")
	}
}

func TestHeaders(t *testing.T) {
	app, _ := newApp(io.Discard)
	app.Get("/plain", func(c *fiber.Ctx) error { return c.SendString("x") })
	app.Get("/keys", func(c *fiber.Ctx) error { c.Set("Cache-Control", "public, max-age=60"); return nil })
	for path, want := range map[string]string{"/plain": "no-store", "/keys": "public, max-age=60", "/none": "no-store"} {
		h := do(t, app, httptest.NewRequest("GET", path, nil)).Header
		if h.Get("Cache-Control") != want || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Server") != "" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

func TestRouting(t *testing.T) {
	app, _ := newApp(io.Discard)
	app.Get("/v1/x", func(c *fiber.Ctx) error { return nil })
	for _, c := range []struct {
		method, path, code string
		status             int
	}{
		{"GET", "/v1/x", "", 200},
		{"HEAD", "/v1/x", "", 200},
		{"POST", "/v1/x", "method_not_allowed", 405},
		{"BREW", "/v1/x", "method_not_allowed", 405},
		{"GET", "/v1/X", "not_found", 404},
		{"GET", "/v1/x/", "not_found", 404},
		{"GET", "/<script>", "not_found", 404},
	} {
		res := do(t, app, httptest.NewRequest(c.method, c.path, nil))
		if res.StatusCode != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, res.StatusCode, c.status)
		}
		if c.code != "" {
			if p := read(t, res); p.Code != c.code || p.Detail != "" {
				t.Errorf("%s %s: %+v", c.method, c.path, p)
			}
		}
	}
}

func TestPanicBecomesInternal(t *testing.T) {
	var log strings.Builder
	app, _ := newApp(&log)
	app.Get("/", func(*fiber.Ctx) error { panic("s3cret") })
	res := do(t, app, httptest.NewRequest("GET", "/", nil))
	if p := read(t, res); p.Code != "internal" || strings.Contains(p.Detail, "s3cret") {
		t.Errorf("got %+v", p)
	}
	if !strings.Contains(log.String(), "app_test.go") || !strings.Contains(log.String(), res.Header.Get("X-Request-Id")) {
		t.Errorf("no stack or request id in %s", log.String())
	}
}

func TestAccessLogHasNoInput(t *testing.T) {
	var log strings.Builder
	app, _ := newApp(&log)
	app.Post("/v1/thing/:id", func(c *fiber.Ctx) error { return front.NotFound() })
	req := httptest.NewRequest("POST", "/v1/thing/s3cret?q=s3cret", strings.NewReader("s3cret"))
	req.Header.Set("Authorization", "Bearer s3cret")
	do(t, app, req)
	do(t, app, httptest.NewRequest("GET", "/s3cret", nil))
	for _, want := range []string{`"method":"POST"`, `"route":"/v1/thing/:id"`, `"status":404`, `"ms":`, `"route":"unmatched"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in %s", want, log.String())
		}
	}
	if strings.Contains(log.String(), "s3cret") {
		t.Errorf("input in %s", log.String())
	}
}

func TestMetrics(t *testing.T) {
	app, reg := newApp(io.Discard)
	app.Get("/a/:x", func(c *fiber.Ctx) error { return nil })
	for _, path := range []string{"/a/1", "/a/2", "/b", "/c"} {
		do(t, app, httptest.NewRequest("GET", path, nil))
	}
	text := scrape(reg)
	for _, want := range []string{
		`curfew_http_requests_total{code="2xx",method="GET",route="/a/:x"} 2`,
		`curfew_http_requests_total{code="4xx",method="GET",route="unmatched"} 2`,
		`curfew_http_request_duration_seconds_count{method="GET",route="/a/:x"} 2`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if strings.Contains(text, `"/b"`) {
		t.Errorf("a path became a label: %s", text)
	}
}

func scrape(g prometheus.Gatherer) string {
	rec := httptest.NewRecorder()
	promhttp.HandlerFor(g, promhttp.HandlerOpts{}).ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	return rec.Body.String()
}

func TestTwoAppsShareARegistry(t *testing.T) {
	first, reg := newApp(io.Discard)
	do(t, first, httptest.NewRequest("GET", "/x", nil))
	second := front.NewApp(front.AppConfig{Log: discard(), Registry: reg})
	second.Get("/x", func(*fiber.Ctx) error { return nil })
	do(t, second, httptest.NewRequest("GET", "/x", nil))
	text := scrape(reg)
	if !strings.Contains(text, `{code="2xx",method="GET",route="/x"} 1`) || !strings.Contains(text, `{code="4xx",method="GET",route="unmatched"} 1`) {
		t.Error(text)
	}
}

func TestContradictingMetricPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "curfew_http_requests_total"}))
	front.NewApp(front.AppConfig{Log: discard(), Registry: reg})
}

func TestBodyLimit(t *testing.T) {
	for _, c := range []struct{ limit, size, want int }{{0, 64 << 10, 200}, {0, 64<<10 + 1, 413}, {100, 101, 413}, {1 << 20, 64<<10 + 1, 200}} {
		app := front.NewApp(front.AppConfig{Log: discard(), Registry: prometheus.NewRegistry(), BodyLimit: c.limit})
		app.Post("/", func(*fiber.Ctx) error { return nil })
		addr := serve(t, app)
		res, err := http.Post("http://"+addr+"/", "text/plain", strings.NewReader(strings.Repeat("x", c.size)))
		if err != nil || res.StatusCode != c.want {
			t.Fatalf("%+v: got %v, %v", c, res, err)
		}
		if c.want == 413 {
			if p := read(t, res); p.Code != "payload_too_large" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("got %+v", p)
			}
		}
		res.Body.Close()
	}
}

func TestHeaderLimit(t *testing.T) {
	app, _ := newApp(io.Discard)
	app.Get("/", func(*fiber.Ctx) error { return nil })
	addr := serve(t, app)
	for size, want := range map[int]int{15 << 10: 200, 17 << 10: 431} {
		req, _ := http.NewRequest("GET", "http://"+addr+"/", nil)
		req.Header.Set("X-Big", strings.Repeat("x", size))
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil || res.StatusCode != want {
			t.Fatalf("%d: got %v, %v", size, res, err)
		}
		res.Body.Close()
	}
}
