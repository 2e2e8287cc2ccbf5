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
	bar           float64 // least share of its requests per second that the edge must serve; 0: none
	often         int     // how many times in each round it is compared
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
	ours, peers, err := w.openSites(ctx)
	if err != nil {
		return err
	}
	for _, connections := range []int{32, 256} {
		duels := make([]duel, len(peers))
		for round := range b.count {
			for i, peer := range peers {
				for n := range peer.often {
					if err := duels[i].fight(ctx, ours, peer, connections, b.load, (round+n)%2 == 0); err != nil {
						return err
					}
				}
			}
		}
		for i, peer := range peers {
			b.add(duels[i].row(peer, connections))
		}
	}
	return nil
}

// A duel compares the edge with one peer, each time one right after the other.
// The ratio is the median of the times'.
type duel struct{ ours, theirs, ratios []float64 } // requests per second

func (d *duel) fight(ctx context.Context, ours, peer site, connections int, lasting time.Duration, first bool) error {
	var a, b float64
	var err1, err2 error
	if !first {
		b, err2 = hit(ctx, peer.address, peer.request, connections, lasting)
	}
	a, err1 = hit(ctx, ours.address, ours.request, connections, lasting)
	if first {
		b, err2 = hit(ctx, peer.address, peer.request, connections, lasting)
	}
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("edge and %s: %w", peer.name, err)
	}
	d.ours, d.theirs, d.ratios = append(d.ours, a), append(d.theirs, b), append(d.ratios, a/b)
	return nil
}

func (d *duel) row(peer site, connections int) row {
	ratio := median(d.ratios)
	r := row{
		what: fmt.Sprintf("forward-auth on the edge against %s, %d connections, requests per second", peer.name, connections),
		ours: thousands(median(d.ours)), peer: thousands(median(d.theirs)), ratio: fmt.Sprintf("%.2f", ratio),
	}
	if peer.bar > 0 {
		r.bar, r.met = fmt.Sprintf("%g or more", peer.bar), judge(ratio >= peer.bar)
	}
	return r
}

func thousands(perSecond float64) string { return fmt.Sprintf("%.1f k", perSecond/1e3) }

func (w *world) openSites(ctx context.Context) (ours site, others []site, err error) {
	ours.name = "edge"
	if ours.address, err = w.startEdge(ctx); err != nil {
		return site{}, nil, err
	}
	ours.request = fmt.Appendf(nil, "GET /authz/forward HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer %s\r\n\r\n", w.token)
	head, err := answerOf(ours.address, ours.request)
	if err != nil {
		return site{}, nil, err
	}
	peers, err := w.peers(ctx)
	if err != nil {
		return site{}, nil, err
	}
	for _, p := range peers {
		address, err := w.serve(p.handlers, head)
		if err != nil {
			return site{}, nil, err
		}
		same, err := answerOf(address, ours.request)
		if err != nil || len(same) != len(head) {
			return site{}, nil, fmt.Errorf("%s answers other bytes: %w\n%s\n%s", p.name, err, same, head)
		}
		others = append(others, site{name: p.name, address: address, request: ours.request, bar: p.bar, often: max(1, p.often)})
	}
	return ours, others, nil
}

// startEdge runs an edge in this process, as cmd/edge would.
func (w *world) startEdge(ctx context.Context) (address string, err error) {
	var cfg config.Edge
	config.Defaults(&cfg)
	cfg.EdgeID, cfg.NATSURL, cfg.RedisURL = "bench", w.nats.ClientURL(), w.redis.URL()
	cfg.IssuerURL, cfg.Audience, cfg.JWKSURL, cfg.DrainDelay = issuer, audience, w.jwks, 0
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
