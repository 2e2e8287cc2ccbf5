package history

import (
	"math"
	"slices"
	"time"
)

// A Row counts the calls to one edge, or All, during one fault, or Healthy, or
// All. A call is counted under every fault whose window it touched.
type Row struct {
	Fault, Edge string

	Calls    int
	Outcomes map[CallOutcome]int
	// Good calls presented a token whose end nobody had asked for by then.
	Good, GoodAccepted int
	FalseRefusals      int

	// What follows looks at a committed revocation and a later call on a token
	// that it must reach, and belongs to every fault in between: whose window
	// touched the time from the revocation's start to the call's end.

	// Probes started later than B after the 200 and were answered: accepted,
	// they would be violations.
	Probes int
	// Stale calls started after the 200 and were accepted. Latest is the
	// longest time after, and must not exceed B.
	Stale  int
	Latest time.Duration
}

// Availability is the share of calls that were answered, with 200, 401 or
// 403, and not with 503, another error or nothing. It is NaN without calls.
func (r Row) Availability() float64 {
	return share(r.Outcomes[Accepted]+r.Outcomes[Refused]+r.Outcomes[Denied], r.Calls)
}

// GoodShare is the share of good calls that were accepted, or NaN.
func (r Row) GoodShare() float64 { return share(r.GoodAccepted, r.Good) }

func share(part, whole int) float64 {
	if whole == 0 {
		return math.NaN()
	}
	return float64(part) / float64(whole)
}

// A tally collects rows.
type tally struct {
	windows *windows
	rows    map[at]*Row // id is the fault
	names   []string    // reused
}

// each calls f on every row that an operation at the edge belongs to.
func (t *tally) each(s Span, edge string, f func(*Row)) {
	t.names = t.windows.rows(t.names[:0], s)
	for _, name := range t.names {
		f(t.row(name, All))
		f(t.row(name, edge))
	}
}

func (t *tally) row(fault, edge string) *Row {
	r := t.rows[at{fault, edge}]
	if r == nil {
		r = &Row{Fault: fault, Edge: edge, Outcomes: make(map[CallOutcome]int)}
		t.rows[at{fault, edge}] = r
	}
	return r
}

// count adds a call. Good says that its token was not to be refused.
func (t *tally) count(c *Call, good bool) {
	t.each(c.Span, c.Edge, func(r *Row) {
		r.Calls++
		r.Outcomes[c.Outcome]++
		if !good {
			return
		}
		r.Good++
		switch c.Outcome {
		case Accepted:
			r.GoodAccepted++
		case Refused:
			r.FalseRefusals++
		}
	})
}

// after adds a call that started after the revocation v of its token was
// answered 200; late says that B had passed.
func (t *tally) after(v *Revoke, c *Call, late bool) {
	t.each(Span{v.Start, c.End}, c.Edge, func(r *Row) {
		if late && c.Outcome != Other {
			r.Probes++
		}
		if c.Outcome == Accepted {
			r.Stale++
			r.Latest = max(r.Latest, c.Start-v.End)
		}
	})
}

// sorted lists the rows: All, Healthy, then the faults as they happened; in
// each, All edges first.
func (t *tally) sorted() (rows []Row) {
	edges := []string{}
	for k := range t.rows {
		if k.edge != All {
			edges = appendNew(edges, k.edge)
		}
	}
	slices.Sort(edges)
	for _, fault := range append([]string{All, Healthy}, t.windows.names()...) {
		for _, edge := range append([]string{All}, edges...) {
			if r := t.rows[at{fault, edge}]; r != nil {
				rows = append(rows, *r)
			}
		}
	}
	return rows
}
