package front_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/curfew-auth/curfew/internal/front"
)

// While it waits to be noticed a service is not ready, serves on, also to new
// connections, and asks for each to be closed.
func TestDrainWaits(t *testing.T) {
	startDates(t)
	synctest.Test(t, func(t *testing.T) {
		const delay = 3 * time.Second
		drain := front.NewDrain(delay, time.Minute)
		reg := prometheus.NewRegistry()
		app := front.NewApp(front.AppConfig{Log: discard(), Registry: reg, Drain: drain})
		front.Probes(app, drain.Ready)
		front.Metrics(app, reg)
		app.Get("/", func(c *fiber.Ctx) error { return c.SendString("up") })
		ln := fasthttputil.NewInmemoryListener()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- front.Serve(ctx, app, ln, front.Shield{}, drain) }()
		transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return ln.Dial() }}
		ask := func(path string) (status int, closed bool) {
			res, err := (&http.Client{Transport: transport}).Get("http://in.memory" + path)
			if err != nil {
				return 0, true
			}
			res.Body.Close()
			return res.StatusCode, res.Close
		}

		if status, closed := ask("/readyz"); status != 200 || closed {
			t.Errorf("before: %d, closed %v", status, closed)
		}
		cancel()
		<-drain.Begun()
		for _, left := range []time.Duration{delay, time.Millisecond} {
			if status, closed := ask("/readyz"); status != 503 || !closed {
				t.Errorf("readyz while draining: %d, closed %v", status, closed)
			}
			if status, closed := ask("/"); status != 200 || !closed {
				t.Errorf("a request while draining: %d, closed %v", status, closed)
			}
			time.Sleep(left - time.Millisecond)
		}
		time.Sleep(2 * time.Millisecond)
		if status, _ := ask("/"); status != 0 {
			t.Errorf("a request after the delay: %d", status)
		}
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		transport.CloseIdleConnections()
		time.Sleep(time.Minute) // of the bubble's clock: fasthttp's cleaner looks every 10 s whether it may go
	})
}

// startDates makes fasthttp start its clock outside of any bubble: it runs for
// as long as the process.
func startDates(t *testing.T) {
	t.Helper()
	app, _ := newApp(io.Discard)
	do(t, app, httptest.NewRequest("GET", "/", nil))
}

func TestNoDrain(t *testing.T) {
	var none *front.Drain
	if err := none.Ready(); err != nil {
		t.Error(err)
	}
}
