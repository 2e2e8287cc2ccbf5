package front

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"
)

// healthTimeout bounds a Healthcheck.
const healthTimeout = 3 * time.Second

// Probes adds /livez, which answers while the process serves, and /readyz, which
// answers 200 while ready returns nil and else 503 with the error as reason
// (so it must be plain and hold no secret).
func Probes(app *fiber.App, ready func() error) {
	ok := func(c *fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ok"}) }
	app.Get("/livez", ok)
	app.Get("/readyz", func(c *fiber.Ctx) error {
		if err := ready(); err != nil {
			return Unavailable(err.Error())
		}
		return ok(c)
	})
}

// Metrics adds /metrics.
func Metrics(app *fiber.App, gatherer prometheus.Gatherer) {
	metrics := fasthttpadaptor.NewFastHTTPHandler(promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{}))
	app.Get("/metrics", func(c *fiber.Ctx) error {
		metrics(c.Context())
		return nil
	})
}

// Healthcheck asks /readyz of the service that listens on addr, on this
// machine, over TLS with c. It returns nil if the service is ready.
func Healthcheck(ctx context.Context, addr string, c *tls.Config) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	target, err := reachable(addr)
	if err != nil {
		return fmt.Errorf("front: healthcheck: %w", err)
	}
	scheme := "http"
	if c != nil {
		scheme = "https"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+target+"/readyz", http.NoBody)
	if err != nil {
		return fmt.Errorf("front: healthcheck: %w", err)
	}
	// Its own transport: no proxy, no connection left open.
	res, err := (&http.Transport{DisableKeepAlives: true, TLSClientConfig: c}).RoundTrip(req)
	if _, refused := errors.AsType[tls.AlertError](err); refused {
		return fmt.Errorf("front: healthcheck: the listener wants another certificate of its client, set ops_listen for probes: %w", err)
	}
	if err != nil {
		return fmt.Errorf("front: healthcheck: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("front: healthcheck: not ready: %d%s", res.StatusCode, reason(res.Body))
	}
	return nil
}

func reason(body io.Reader) string {
	var p struct{ Detail string }
	if err := json.NewDecoder(io.LimitReader(body, maxJSON)).Decode(&p); err != nil || p.Detail == "" {
		return ""
	}
	return ": " + p.Detail
}

// reachable turns an address to listen on into one to connect to.
func reachable(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	ip, _ := netip.ParseAddr(host) // a name is left as it is
	switch {
	case host == "", ip == netip.IPv4Unspecified():
		host = "127.0.0.1"
	case ip == netip.IPv6Unspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port), nil
}
