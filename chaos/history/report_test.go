package history

import (
	"maps"
	"math"
	"strings"
	"testing"
	"time"
)

func TestRows(t *testing.T) {
	h := one(revoke(30*s, 31*s, ScopeToken, "t1", Committed),
		call(5*s, 6*s, "e1", "t1", Accepted),  // healthy
		call(9*s, 10*s, "e1", "t1", Accepted), // touches the cut
		call(12*s, 13*s, "e1", "t1", Unknown), // in both
		call(12*s, 13*s, "e2", "t1", Other),   // in both
		call(20*s, 21*s, "e2", "t1", Refused), // touches the end of both; false
		call(22*s, 23*s, "e2", "t1", Denied),  // healthy again
		call(25*s, 26*s, "e2", "t1", Unknown), // the second cut
		call(40*s, 41*s, "e1", "t1", Refused)) // healthy, revoked
	h.Faults = []Fault{{span(24*s, 27*s), "cut"}, {span(10*s, 20*s), "cut"}, {span(11*s, 20*s), "flush"}}
	r := Check(h, bound, 0)
	wantKinds(t, r, FalseRefusal)
	for _, want := range []Row{
		{Fault: All, Edge: All, Calls: 8, Outcomes: counts(2, 2, 1, 2, 1), Good: 7, GoodAccepted: 2, FalseRefusals: 1, Probes: 1},
		{Fault: All, Edge: "e1", Calls: 4, Outcomes: counts(2, 1, 0, 1, 0), Good: 3, GoodAccepted: 2, Probes: 1},
		{Fault: Healthy, Edge: All, Calls: 3, Outcomes: counts(1, 1, 1, 0, 0), Good: 2, GoodAccepted: 1, Probes: 1},
		{Fault: "cut", Edge: All, Calls: 5, Outcomes: counts(1, 1, 0, 2, 1), Good: 5, GoodAccepted: 1, FalseRefusals: 1},
		{Fault: "cut", Edge: "e2", Calls: 3, Outcomes: counts(0, 1, 0, 1, 1), Good: 3, FalseRefusals: 1},
		{Fault: "flush", Edge: All, Calls: 3, Outcomes: counts(0, 1, 0, 1, 1), Good: 3, FalseRefusals: 1},
		{Fault: "flush", Edge: "e1", Calls: 1, Outcomes: counts(0, 0, 0, 1, 0), Good: 1},
		{Fault: "none", Edge: "e1"},
	} {
		got := r.Row(want.Fault, want.Edge)
		if !maps.Equal(got.Outcomes, want.Outcomes) {
			t.Errorf("%s, %s: got %v, want %v", want.Fault, want.Edge, got.Outcomes, want.Outcomes)
		}
		got.Outcomes, want.Outcomes = nil, nil
		if !sameRow(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if a := r.Row("cut", All).Availability(); a != 0.4 {
		t.Errorf("available: %v, want 2 of 5", a)
	}
	if a := r.Row(All, All).Availability(); a != 0.625 {
		t.Errorf("available in all: %v, want 5 of 8", a)
	}
	if a := r.Row("none", All).Availability(); !math.IsNaN(a) {
		t.Errorf("available without calls: %v", a)
	}
	if r.Rows[0].Fault != All || r.Rows[3].Fault != Healthy || r.Rows[6].Fault != "cut" || r.Rows[9].Fault != "flush" {
		t.Errorf("rows out of order: %+v", r.Rows)
	}
}

func counts(accepted, refused, denied, unknown, other int) map[CallOutcome]int {
	m := map[CallOutcome]int{Accepted: accepted, Refused: refused, Denied: denied, Unknown: unknown, Other: other}
	maps.DeleteFunc(m, func(_ CallOutcome, n int) bool { return n == 0 })
	return m
}

func sameRow(a, b Row) bool {
	return a.Fault == b.Fault && a.Edge == b.Edge && a.Calls == b.Calls && a.Good == b.Good &&
		a.GoodAccepted == b.GoodAccepted && a.FalseRefusals == b.FalseRefusals &&
		a.Probes == b.Probes && a.Stale == b.Stale && a.Latest == b.Latest
}

// What is measured after a 200 belongs to the faults since the revocation.
func TestLatestAcceptance(t *testing.T) {
	h := one(revoke(10*s, 11*s, ScopeToken, "t1", Committed),
		call(10*s, 11*s, "e1", "t1", Accepted),    // not after
		call(12*s, 13*s, "e1", "t1", Accepted),    // before the fault
		call(15*s, 15*s+ms, "e1", "t1", Accepted), // across it
		call(16*s, 17*s, "e2", "t1", Accepted),    // at the bound
		call(17*s, 18*s, "e2", "t1", Other),       // no answer shows nothing
		call(17*s, 18*s, "e2", "t1", Unknown),
		call(18*s, 19*s, "e2", "t1", Refused))
	h.Faults = []Fault{{span(14*s, 14*s+ms), "stop"}}
	r := Check(h, bound, 0)
	wantKinds(t, r)
	for _, want := range []Row{
		{Fault: All, Edge: All, Stale: 3, Latest: 5 * s, Probes: 2},
		{Fault: Healthy, Edge: All, Stale: 1, Latest: 1 * s},
		{Fault: "stop", Edge: All, Stale: 2, Latest: 5 * s, Probes: 2},
		{Fault: "stop", Edge: "e1", Stale: 1, Latest: 4 * s},
	} {
		got := r.Row(want.Fault, want.Edge)
		if got.Stale != want.Stale || got.Latest != want.Latest || got.Probes != want.Probes {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestPropagation(t *testing.T) {
	h := History{
		Revokes: []Revoke{
			revoke(10*s, 11*s, ScopeToken, "t1", Committed),
			revoke(20*s, 21*s, ScopeSession, "s2", Committed),
			revoke(30*s, 31*s, ScopeToken, "t3", Committed),
			revoke(30*s, 31*s, ScopeToken, "t3", Lost), // which of the two was it?
			revoke(30*s, 31*s, ScopeToken, "t4", Pending),
			revoke(50*s, 51*s, ScopeToken, "t5", Committed), // during a fault
		},
		Calls: []Call{
			call(12*s, 13*s, "e1", "t1", Refused),
			call(11*s, 12*s, "e1", "t1", Refused),    // the first at e1: 1s
			call(10*s, 10*s+ms, "e2", "t1", Refused), // before the 200: 0
			call(21*s, 24*s, "e1", "t2", Refused),
			call(21*s, 23*s, "e1", "t2b", Refused), // the first of its session: 2s
			call(32*s, 33*s, "e1", "t3", Refused),
			call(32*s, 33*s, "e1", "t4", Refused),
			call(52*s, 53*s, "e1", "t5", Refused),
		},
		Faults: []Fault{{span(49*s, 50*s), "cut"}},
	}
	want := []Propagation{
		{Edge: All, Count: 3, P50: 1 * s, P99: 2 * s, Max: 2 * s},
		{Edge: "e1", Count: 2, P50: 1 * s, P99: 2 * s, Max: 2 * s},
		{Edge: "e2", Count: 1},
	}
	got := Check(h, bound, 0).Propagation
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestPercentile(t *testing.T) {
	times := make([]time.Duration, 200)
	for i := range times {
		times[i] = time.Duration(i + 1)
	}
	for p, want := range map[int]time.Duration{0: 1, 1: 2, 50: 100, 99: 198, 100: 200} {
		if got := percentile(times, p); got != want {
			t.Errorf("p%d = %d, want %d", p, got, want)
		}
	}
}

func TestReportIsMarkdown(t *testing.T) {
	h := one(revoke(10*s, 11*s, ScopeSession, "s1", Committed),
		call(3*s, 4*s, "edge-1", "t1", Accepted),
		call(11*s, 11*s+2*ms, "edge-1", "t1", Refused),
		call(17*s, 18*s, "edge-1", "t1", Accepted))
	h.Faults = []Fault{{span(16*s, 20*s), "redis flushed"}}
	got := Check(h, bound, 0).String()
	for _, want := range []string{
		"6 operations: 1 logins, 0 refreshes, 3 calls; revocations: 1 committed, 0 pending, 0 failed, 0 lost.",
		"| forgotten | 1 |\n",
		"| false refusal | 0 |\n",
		"| all | all | 3 | 2 | 1 | 0 | 0 | 0 | 100.00% | 100.00% | 0 |\n",
		"| redis flushed | edge-1 | 1 | 1 | 0 | 0 | 0 | 0 | 100.00% | - | 0 |\n",
		"| redis flushed | 1 | 1 | 6s |\n",
		"| edge-1 | 1 | 2ms | 2ms | 2ms |\n",
		`- forgotten: call [17s, 18s] jti "t1" sid "s1" accepted at "edge-1", 6s after the end of revocation [10s, 11s] session "s1" committed, refused before by call [11s, 11.002s]`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}

func TestPercentRoundsDown(t *testing.T) {
	for part, want := range map[int]string{999_999: "99.99%", 1_000_000: "100.00%", 570_000: "57.00%", 0: "0.00%"} {
		if got := percent(share(part, 1_000_000)); got != want {
			t.Errorf("%d of a million: %s, want %s", part, got, want)
		}
	}
}
