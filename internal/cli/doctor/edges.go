package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/curfew-auth/curfew/internal/apiclient"
)

// An edge is one that is examined. Without a URL, all that is known of it is
// what it reports to the issuer.
type edge struct {
	name   string
	api    *apiclient.Edge // nil without a URL
	report *apiclient.FleetEdge
	last   *apiclient.Status // nil if it does not answer
	silent error             // why
	// accepted: it let the token of the session pass that was opened here.
	accepted bool
}

// errLeft: the issuer lists the edge no more. One that falls silent is listed
// as gone for minutes, so this one has said goodbye.
var errLeft = errors.New("was stopped meanwhile, in an orderly way")

// findEdges asks the issuer for the edges that report to it.
func (x *exam) findEdges(ctx context.Context) (reports []apiclient.FleetEdge) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	fleet, err := x.Issuer.Fleet(ctx)
	switch {
	case refused(err):
		x.add("edge", "fleet", Skipped, "the list of edges: "+why(err, "read"), "")
	case err != nil:
		x.add("edge", "fleet", Warning, err.Error(), "")
	}
	x.epoch, x.staleness = fleet.Epoch, fleet.StalenessMS
	for _, f := range fleet.Edges {
		switch f.State {
		case "gone":
			x.gone = append(x.gone, f)
		case "unreadable":
			x.add("edge", f.ID, Warning, "reports under this name cannot be read by this issuer: it is asked nothing, and confirms no revocation",
				"see what runs there: upgrade the issuers if it is newer, end it if it is no edge")
		default:
			reports = append(reports, f)
		}
	}
	return reports
}

// visitable lists the edges whose URL is known. One that has fallen silent is
// visited too: it may serve on, cut off from NATS.
func (x *exam) visitable(reports []apiclient.FleetEdge) {
	urls := slices.Clone(x.Edges)
	for _, f := range slices.Concat(reports, x.gone) {
		if f.URL != "" {
			urls = append(urls, f.URL)
		}
	}
	for _, url := range urls {
		api := x.Issuer.Edge(url)
		if !slices.ContainsFunc(x.edges, func(e *edge) bool { return e.api.URL == api.URL }) {
			x.edges = append(x.edges, &edge{name: api.URL, api: api})
		}
	}
}

// match gives the reports to the edges that they are of. Those of nobody that
// could be visited are edges of which the report is all there is.
func (x *exam) match(reports []apiclient.FleetEdge) {
	for _, f := range reports {
		at := slices.IndexFunc(x.edges, func(e *edge) bool {
			return e.api != nil && (e.api.URL == f.URL || e.last != nil && e.last.ID == f.ID)
		})
		if at < 0 {
			status := f.Status()
			x.edges = append(x.edges, &edge{name: f.ID, report: &f, last: &status})
			continue
		}
		x.edges[at].name = f.ID
		if r := x.edges[at].report; r == nil || r.LastSeen.Before(f.LastSeen) {
			x.edges[at].report = &f
		}
	}
	for _, f := range x.gone {
		x.missed(f)
	}
	x.complain()
	if len(x.edges) == 0 {
		x.add("edge", "none", Warning, "no edge is known", "name edges with --edge URL, or set edge_url on them")
	}
}

// complain names the edges that do not answer.
func (x *exam) complain() {
	for _, e := range x.edges {
		if e.silent != nil {
			x.add("edge", e.label(), Failed, e.silent.Error(), "see whether it runs, is stopped, or cannot be reached from here")
		}
	}
}

// ask is the edge's status, from itself or else from its reports.
func (x *exam) ask(ctx context.Context, e *edge) (apiclient.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	is, gone := func(f apiclient.FleetEdge) bool { return f.ID == e.name && f.Instance == e.report.Instance }, errLeft
	if e.api != nil {
		s, err := e.api.Status(ctx)
		if !refused(err) { // else its state is at its ops_listen
			return s, err
		}
		is, gone = func(f apiclient.FleetEdge) bool { return f.URL == e.api.URL }, err
	}
	fleet, err := x.Issuer.Fleet(ctx)
	if err != nil {
		return apiclient.Status{}, err
	}
	if at := slices.IndexFunc(fleet.Edges, is); at >= 0 {
		return fleet.Edges[at].Status(), nil
	}
	return apiclient.Status{}, gone
}

func (x *exam) status(ctx context.Context, e *edge) {
	s, err := x.ask(ctx, e)
	if err != nil {
		e.silent = err
		return
	}
	e.last = &s
	x.read(e.label(), s.Date, time.Now())
	if s.Overflowed > 0 {
		x.add("edge", e.label(), Warning, fmt.Sprintf("%d revoked ids did not fit into its memory", s.Overflowed), "raise its cache_entries")
	}
}

// label is the edge's own name once it is known.
func (e *edge) label() string {
	if e.last != nil && e.last.ID != "" {
		return e.last.ID
	}
	return strings.TrimPrefix(strings.TrimPrefix(e.name, "http://"), "https://")
}
