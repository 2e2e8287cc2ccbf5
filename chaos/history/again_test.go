package history

import (
	"testing"
	"time"
)

// again is a token whose end was answered so, refused once by e1 until 12s, and
// then accepted.
func again(o RevokeOutcome, edge string, start Span) History {
	return one(revoke(10*s, 11*s, ScopeToken, "t1", o),
		call(11*s, 12*s, "e1", "t1", Refused),
		Call{start, edge, "t1", "s1", Accepted})
}

func TestAcceptedAgain(t *testing.T) {
	for _, f := range []fixture{
		{"begun before the refusal ended", again(Pending, "e1", span(12*s, 20*s)), nil},
		{"begun after it", again(Pending, "e1", span(12*s+ns, 13*s)), []Kind{AcceptedAgain}},
		{"long after it", again(Pending, "e1", span(60*s, 61*s)), []Kind{AcceptedAgain}},
		{"of what was committed, within B", again(Committed, "e1", span(13*s, 14*s)), []Kind{AcceptedAgain}},
		{"of what was committed, after B", again(Committed, "e1", span(17*s, 18*s)), []Kind{Forgotten}},
		{"of what got no answer", again(Lost, "e1", span(13*s, 14*s)), []Kind{AcceptedAgain}},
		{"of what failed", again(Failed, "e1", span(13*s, 14*s)), []Kind{AcceptedAgain}},
		{"elsewhere, at B", again(Pending, "e2", span(17*s, 18*s)), nil},
		{"elsewhere, after B", again(Pending, "e2", span(17*s+ns, 18*s)), []Kind{Revived}},
		{"elsewhere, of what got no answer", again(Lost, "e2", span(18*s, 19*s)), []Kind{Revived}},
	} {
		t.Run(f.name, f.run)
		if r := Check(f.h, bound, 0); f.want == nil && f.h.Calls[1].Start > 12*s && r.Reaccepted != 1 {
			t.Errorf("%s: %d counted as legal", f.name, r.Reaccepted)
		}
	}
}

// The first refusal that still binds is enough, whichever it is.
func TestAnyRefusalBinds(t *testing.T) {
	h := again(Pending, "e1", span(13*s, 14*s))
	h.Calls = append(h.Calls, call(12*s, 12*s+ms, "e2", "t1", Refused)) // later, and no contradiction yet
	fixture{"its own, behind another's", h, []Kind{AcceptedAgain}}.run(t)
	h.Calls[1].Edge, h.Calls[1].Span = "e3", span(18*s, 19*s)
	h.Calls = append(h.Calls, call(17*s, 17*s+ms, "e2", "t1", Refused))
	fixture{"an old one, behind a recent one", h, []Kind{Revived}}.run(t)
	h.Calls[1].JTI, h.Calls[1].SID = "t2", "s2"
	fixture{"another token", h, nil}.run(t)
	unknown := again(Pending, "e1", span(18*s, 19*s))
	unknown.Calls[0].Outcome = Unknown
	fixture{"503 is no refusal", unknown, nil}.run(t)
}

func TestLapses(t *testing.T) {
	lapse := func(h History, edge string, start, end time.Duration) History {
		h.Lapses = []Lapse{{span(start*s, end*s), edge, "started anew"}}
		return h
	}
	own, others := again(Pending, "e1", span(16*s, 17*s)), again(Pending, "e2", span(18*s, 19*s))
	late := again(Pending, "e1", span(18*s, 19*s))
	for _, f := range []fixture{
		{"of the edge, in between", lapse(own, "e1", 13, 14), nil},
		{"of the edge, before it refused", lapse(own, "e1", 9, 10), []Kind{AcceptedAgain}},
		{"of the edge, later", lapse(own, "e1", 18, 19), []Kind{AcceptedAgain}},
		{"of another edge", lapse(own, "e2", 13, 14), []Kind{AcceptedAgain}},
		{"of all does not excuse the edge itself", lapse(own, "", 13, 14), []Kind{AcceptedAgain}},
		{"of the edge, which the others should have told by now", lapse(late, "e1", 13, 14), []Kind{Revived}},
		{"of all, in between", lapse(others, "", 13, 14), nil},
		{"of all, before", lapse(others, "", 9, 10), []Kind{Revived}},
		{"of all, later", lapse(others, "", 20, 21), []Kind{Revived}},
		{"of the edge that had refused", lapse(others, "e1", 13, 14), []Kind{Revived}},
		{"what was committed has no excuse", lapse(again(Committed, "e1", span(17*s, 18*s)), "e1", 13, 14), []Kind{Forgotten}},
	} {
		t.Run(f.name, f.run)
	}
}

func TestLimits(t *testing.T) {
	committed := one(revoke(10*s, 11*s, ScopeToken, "t1", Committed), call(13*s, 14*s, "e1", "t1", Accepted))
	with := func(l Limit) History {
		h := committed
		h.Limits = []Limit{l}
		return h
	}
	revived := again(Pending, "e2", span(15*s, 16*s))
	revived.Limits = []Limit{{span(5*s, 20*s), "e2", 2 * s}}
	for _, f := range []fixture{
		{"smaller than B", with(Limit{span(5*s, 20*s), "e1", 2*s - ns}), []Kind{LateAcceptance}},
		{"just enough", with(Limit{span(5*s, 20*s), "e1", 2 * s}), nil},
		{"larger than B changes nothing", with(Limit{span(5*s, 20*s), "e1", 3 * bound}), nil},
		{"of another edge", with(Limit{span(5*s, 20*s), "e2", s}), nil},
		{"began later", with(Limit{span(13*s+ns, 20*s), "e1", s}), nil},
		{"ended during the call", with(Limit{span(5*s, 14*s-ns), "e1", s}), nil},
		{"for what another has refused", revived, []Kind{Revived}},
	} {
		t.Run(f.name, f.run)
	}
	h := committed
	h.Calls[0].Start, h.Calls[0].End = 17*s, 18*s
	h.Limits = []Limit{{span(5*s, 20*s), "e1", 3 * bound}}
	fixture{"an edge's larger bound does not excuse it", h, []Kind{LateAcceptance}}.run(t)
}
