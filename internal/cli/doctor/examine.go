package doctor

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/curfew-auth/curfew/internal/apiclient"
)

const (
	// askTimeout is how long a service may take to answer what costs it
	// nothing. One that is stopped does not.
	askTimeout = 4 * time.Second
	// atOnce bounds the edges that are asked at the same time.
	atOnce = 32
)

// A Config says what to examine.
type Config struct {
	Issuer *apiclient.Client
	Edges  []string // URLs, besides those that the issuer knows of
	// Patience is how long an edge may take to apply what is revoked: the
	// cluster's staleness bound.
	Patience time.Duration
	Version  string       // of the client
	Progress func(string) // what is being done
}

// An exam is one examination.
type exam struct {
	Config
	edges     []*edge
	gone      []apiclient.FleetEdge // that have fallen silent
	published []string              // kids
	epoch     string                // of the issuer's log; empty if it does not tell
	staleness int64                 // of the issuer, in milliseconds; 0 if it does not tell

	mu       sync.Mutex
	findings []Finding
	clocks   []reading
}

// Examine looks at everything and returns what it found. It changes nothing
// but by its own session.
func Examine(ctx context.Context, cfg Config) []Finding {
	x := &exam{Config: cfg}
	x.Progress("asking the issuer")
	if x.issuer(ctx) {
		reports := x.findEdges(ctx)
		x.Progress("asking the edges")
		x.visitable(reports)
		x.each(ctx, x.status)
		x.match(reports)
		x.judgeBounds()
		x.Progress("logging in, revoking, and asking the edges")
		x.roundTrip(ctx)
	} else {
		x.visitable(nil)
		x.each(ctx, x.status)
		x.complain()
	}
	x.judgeClocks()
	return sorted(x.findings)
}

func (x *exam) add(check, who string, result Result, text, do string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.findings = append(x.findings, Finding{check, who, result, text, do})
}

// each does something with every edge, many at once.
func (x *exam) each(ctx context.Context, do func(context.Context, *edge)) {
	var g errgroup.Group
	g.SetLimit(atOnce)
	for _, e := range x.edges {
		g.Go(func() error { do(ctx, e); return nil })
	}
	_ = g.Wait() // there are no errors
}

// issuer reports whether the issuer answers at all.
func (x *exam) issuer(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	who := x.Issuer.Issuer
	jwks, date, err := x.Issuer.JWKS(ctx)
	if err != nil {
		x.add("issuer", who, Failed, err.Error(), "see that an issuer runs there, and that the URL is right")
		return false
	}
	x.published = publishedKeys(jwks)
	x.read("issuer", date, time.Now())
	x.add("issuer", who, OK, "answers", "")
	return true
}

// refused tells a missing permission from a fault.
func refused(err error) bool {
	p, ok := errors.AsType[*apiclient.Problem](err)
	return ok && (p.Status == 401 || p.Status == 403 || p.Status == 404 || p.Status == 405)
}
