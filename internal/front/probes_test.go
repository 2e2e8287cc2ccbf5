package front_test

import (
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/internal/front"
)

func TestProbes(t *testing.T) {
	app, reg := newApp(io.Discard)
	var state error
	front.Probes(app, func() error { return state })
	front.Metrics(app, reg)
	probe := func(path string) int { return do(t, app, httptest.NewRequest("GET", path, nil)).StatusCode }
	if probe("/livez") != 200 || probe("/readyz") != 200 {
		t.Error("not live or not ready")
	}
	state = errors.New("waiting for the log")
	res := do(t, app, httptest.NewRequest("GET", "/readyz", nil))
	if p := read(t, res); res.StatusCode != 503 || p.Code != "unavailable" || p.Detail != "waiting for the log" {
		t.Errorf("%d %+v", res.StatusCode, p)
	}
	if probe("/livez") != 200 {
		t.Error("not live when not ready")
	}
}

func TestMetricsProbe(t *testing.T) {
	app, reg := newApp(io.Discard)
	own := prometheus.NewCounter(prometheus.CounterOpts{Name: "curfew_own_total", Help: "x"})
	reg.MustRegister(own)
	front.Probes(app, func() error { return nil })
	front.Metrics(app, reg)
	do(t, app, httptest.NewRequest("GET", "/livez", nil))
	res := do(t, app, httptest.NewRequest("GET", "/metrics", nil))
	text, _ := io.ReadAll(res.Body)
	for _, want := range []string{"curfew_own_total 0", `curfew_http_requests_total{code="2xx",method="GET",route="/livez"} 1`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%d: no %s in %s", res.StatusCode, want, text)
		}
	}
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain") {
		t.Error(res.Header)
	}
}

func TestHealthcheck(t *testing.T) {
	app, reg := newApp(io.Discard)
	var state error
	front.Probes(app, func() error { return state })
	front.Metrics(app, reg)
	addr := serve(t, app)
	_, port, _ := strings.Cut(addr, ":")
	for _, listen := range []string{addr, ":" + port, "0.0.0.0:" + port, "localhost:" + port} {
		if err := front.Healthcheck(t.Context(), listen, nil); err != nil {
			t.Errorf("%s: %v", listen, err)
		}
	}
	state = errors.New("no log")
	if err := front.Healthcheck(t.Context(), addr, nil); err == nil || !strings.Contains(err.Error(), "503: no log") {
		t.Error(err)
	}
	gone := listen(t)
	gone.Close()
	for _, bad := range []string{gone.Addr().String(), "nonsense", ""} {
		if err := front.Healthcheck(t.Context(), bad, nil); err == nil {
			t.Errorf("%q is healthy", bad)
		}
	}
}
