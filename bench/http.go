package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/edge"
)

// A site is something that answers HTTP and takes part in the comparison.
type site struct {
	name, address string
	request       []byte
	perSecond     map[int][]float64 // by connections, one per round
}

// measureHTTP puts an edge beside Fiber applications that answer the same
// bytes, under the same load, in turns. Load and servers share the processors.
func measureHTTP(ctx context.Context, b *bench) error {
	w, err := newWorld(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	if err := w.answer(ctx); err != nil {
		return err
	}
	sites, err := w.openSites(ctx)
	if err != nil {
		return err
	}
	for _, connections := range []int{32, 256} {
		for round := range b.count {
			for i := range sites { // another one begins in each round
				s := &sites[(i+round)%len(sites)]
				n, err := hit(ctx, s.address, s.request, connections, b.load)
				if err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
				s.perSecond[connections] = append(s.perSecond[connections], n)
			}
		}
		b.compareSites(sites, connections)
	}
	return nil
}

// compareSites adds a row for each peer. The ratio is the median of the rounds'.
func (b *bench) compareSites(sites []site, connections int) {
	ours := sites[0].perSecond[connections]
	for i, peer := range sites[1:] {
		theirs := peer.perSecond[connections]
		ratios := make([]float64, len(ours))
		for round := range ours {
			ratios[round] = ours[round] / theirs[round]
		}
		r := row{
			what: fmt.Sprintf("forward-auth on the edge against %s, %d connections, requests per second", peer.name, connections),
			ours: thousands(median(ours)), peer: thousands(median(theirs)), ratio: fmt.Sprintf("%.2f", median(ratios)),
		}
		switch i {
		case 0:
			r.bar, r.met = "0.85", judge(median(ratios) >= 0.85)
		case 1:
			r.bar, r.met = "3", judge(median(ratios) >= 3)
		}
		b.add(r)
	}
}

func thousands(perSecond float64) string { return fmt.Sprintf("%.1f k", perSecond/1e3) }

func (w *world) openSites(ctx context.Context) ([]site, error) {
	address, err := w.startEdge(ctx)
	if err != nil {
		return nil, err
	}
	request := fmt.Appendf(nil, "GET /authz/forward HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer %s\r\n\r\n", w.token)
	head, err := answerOf(address, request)
	if err != nil {
		return nil, err
	}
	sites := []site{{name: "edge", address: address}}
	peers, err := w.peers(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range peers {
		address, err := w.serve(p.handlers, head)
		if err != nil {
			return nil, err
		}
		same, err := answerOf(address, request)
		if err != nil || len(same) != len(head) {
			return nil, fmt.Errorf("%s answers other bytes: %w\n%s\n%s", p.name, err, same, head)
		}
		sites = append(sites, site{name: p.name, address: address})
	}
	for i := range sites {
		sites[i].request, sites[i].perSecond = request, map[int][]float64{}
	}
	return sites, nil
}

// startEdge runs an edge in this process, as cmd/edge would.
func (w *world) startEdge(ctx context.Context) (address string, err error) {
	var cfg config.Edge
	config.Defaults(&cfg)
	cfg.EdgeID, cfg.NATSURL, cfg.RedisURL = "bench", w.nats.ClientURL(), w.redis.URL()
	cfg.IssuerURL, cfg.Audience, cfg.JWKSURL = issuer, audience, w.jwks
	e, err := edge.New(cfg, quiet)
	if err != nil {
		return "", err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx, ln) }()
	w.ends = append(w.ends, func() {
		cancel()
		<-done
	})
	return ln.Addr().String(), await(e.Ready)
}

// await waits until ready returns nil.
func await(ready func() error) (err error) {
	for start := time.Now(); time.Since(start) < patience; time.Sleep(5 * time.Millisecond) {
		if err = ready(); err == nil {
			return nil
		}
	}
	return err
}

// serve runs a bare Fiber application whose route answers the same header as
// ours, after its handlers have let the request pass.
func (w *world) serve(handlers []fiber.Handler, head []byte) (address string, err error) {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/authz/forward", append(handlers, sameAnswer(head))...)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	done := make(chan error, 1)
	go func() { done <- app.Listener(ln) }()
	w.ends = append(w.ends, func() {
		if err := errors.Join(app.Shutdown(), <-done); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	})
	return ln.Addr().String(), nil
}

func sameAnswer(head []byte) fiber.Handler {
	type field struct{ name, value string }
	var fields []field
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		switch http.CanonicalHeaderKey(string(name)) {
		case "Date", "Content-Length", "Server":
		default:
			if ok {
				fields = append(fields, field{string(name), string(bytes.TrimSpace(value))})
			}
		}
	}
	return func(c *fiber.Ctx) error {
		for _, f := range fields {
			c.Set(f.name, f.value)
		}
		return nil
	}
}
