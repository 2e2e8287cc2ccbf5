package history

import "testing"

func TestMalformed(t *testing.T) {
	good := one(revoke(10*s, 11*s, ScopeToken, "t1", Committed), call(3*s, 4*s, "e1", "t1", Accepted))
	good.Faults = []Fault{{span(1*s, 2*s), "cut"}}
	fixture{"good", good, nil}.run(t)
	for name, spoil := range map[string]func(h *History){
		"dropped operations":  func(h *History) { h.Dropped = 1 },
		"call ends early":     func(h *History) { h.Calls[0].End = 3*s - ns },
		"call before time":    func(h *History) { h.Calls[0].Start = -1 },
		"call without answer": func(h *History) { h.Calls[0].Outcome = "" },
		"call of no token":    func(h *History) { h.Calls[0].JTI = "" },
		"call of no session":  func(h *History) { h.Calls[0].SID = "" },
		"wrong session":       func(h *History) { h.Calls[0].SID = "s9" },
		"call to no edge":     func(h *History) { h.Calls[0].Edge = "" },
		"reserved edge":       func(h *History) { h.Calls[0].Edge = All },
		"login ends early":    func(h *History) { h.Logins[0].End = 0 },
		"login without token": func(h *History) { h.Logins[0].JTI = ""; h.Calls = nil },
		"login twice":         func(h *History) { h.Logins = append(h.Logins, login(1*s, 2*s, "s1", "t1b")) },
		"token twice":         func(h *History) { h.Refreshes = []Grant{login(1*s, 2*s, "s1", "t1")} },
		"refresh ends early":  func(h *History) { h.Refreshes = []Grant{login(2*s, 1*s, "s1", "t1b")} },
		"revoke ends early":   func(h *History) { h.Revokes[0].End = 9 * s },
		"revoke unanswered":   func(h *History) { h.Revokes[0].Outcome = "ok" },
		"revoke of nothing":   func(h *History) { h.Revokes[0].ID = "" },
		"fault ends early":    func(h *History) { h.Faults[0].End = 0 },
		"fault without name":  func(h *History) { h.Faults[0].Name = "" },
		"reserved fault":      func(h *History) { h.Faults[0].Name = Healthy },
		"lapse ends early":    func(h *History) { h.Lapses = []Lapse{{span(2*s, 1*s), "e1", "killed"}} },
		"lapse for no reason": func(h *History) { h.Lapses = []Lapse{{span(1*s, 2*s), "e1", ""}} },
		"limit of no edge":    func(h *History) { h.Limits = []Limit{{span(1*s, 2*s), "", s}} },
		"limit of nothing":    func(h *History) { h.Limits = []Limit{{span(1*s, 2*s), "e1", 0}} },
		"limit ends early":    func(h *History) { h.Limits = []Limit{{span(2*s, 1*s), "e1", s}} },
	} {
		h := History{
			Logins:  append([]Grant(nil), good.Logins...),
			Calls:   append([]Call(nil), good.Calls...),
			Revokes: append([]Revoke(nil), good.Revokes...),
			Faults:  append([]Fault(nil), good.Faults...),
		}
		spoil(&h)
		t.Run(name, fixture{name, h, []Kind{Malformed}}.run)
	}
}

// A report stays small however bad the history is, and counts everything.
func TestViolationsAreBounded(t *testing.T) {
	h := one(revoke(10*s, 11*s, ScopeToken, "t1", Committed))
	for range 3 * maxKept {
		h.Calls = append(h.Calls, call(20*s, 21*s, "e1", "t1", Accepted))
	}
	h.Calls = append(h.Calls, call(1*s, 2*s, "e1", "t1", Refused))
	r := Check(h, bound, 0)
	if r.Counts[Forgotten] != 3*maxKept || r.Counts[FalseRefusal] != 1 || len(r.Violations) != maxKept+1 {
		t.Errorf("counted %v, kept %d", r.Counts, len(r.Violations))
	}
}
