package history

import "fmt"

// validate finds operations that no client can have seen. A history with one
// proves nothing, since the operation may hide a violation.
func (c *checker) validate() {
	h := c.history
	if h.Dropped > 0 {
		c.malformed(Violation{Reason: fmt.Sprintf("%d operations were dropped", h.Dropped)})
	}
	jtis, sids := make(map[string]bool), make(map[string]bool)
	for i := range h.Logins {
		c.grant(&h.Logins[i], jtis, sids)
	}
	for i := range h.Refreshes {
		c.grant(&h.Refreshes[i], jtis, nil)
	}
	for i := range h.Revokes {
		v := &h.Revokes[i]
		c.malformed(Violation{Reason: v.problem(), Revoke: v})
	}
	for i := range h.Calls {
		op := &h.Calls[i]
		c.malformed(Violation{Reason: op.problem(c.index.tokens[op.JTI]), Call: op})
	}
	for _, f := range h.Faults {
		c.malformed(Violation{Reason: f.problem()})
	}
	for _, l := range h.Lapses {
		c.malformed(Violation{Reason: l.problem()})
	}
	for _, l := range h.Limits {
		c.malformed(Violation{Reason: l.problem()})
	}
}

// malformed notes the violation, unless it has no reason.
func (c *checker) malformed(v Violation) {
	if v.Reason != "" {
		v.Kind = Malformed
		c.found(v)
	}
}

// grant checks a login, or, without sids, a refresh.
func (c *checker) grant(g *Grant, jtis, sids map[string]bool) {
	v := Violation{Reason: g.problem(), Refresh: g}
	if g.OK {
		if jtis[g.JTI] || sids[g.SID] {
			v.Reason = "a jti or sid issued twice"
		}
		jtis[g.JTI] = true
		if sids != nil {
			sids[g.SID] = true
		}
	}
	c.malformed(v)
}

func (s Span) problem() string {
	if s.Start < 0 || s.End < s.Start {
		return "ends before it starts"
	}
	return ""
}

func (g *Grant) problem() string {
	if g.OK && (g.JTI == "" || g.SID == "") {
		return "granted without jti or sid"
	}
	return g.Span.problem()
}

func (v *Revoke) problem() string {
	switch v.Outcome {
	case Committed, Pending, Failed, Lost:
	default:
		return "no known outcome"
	}
	if v.Scope == "" || v.ID == "" {
		return "names no target"
	}
	return v.Span.problem()
}

func (c *Call) problem(t *token) string {
	switch c.Outcome {
	case Accepted, Refused, Denied, Unknown, Other:
	default:
		return "no known outcome"
	}
	switch {
	case c.JTI == "" || c.SID == "":
		return "presented no jti or sid"
	case c.Edge == "" || c.Edge == All:
		return "no name for an edge"
	case t.sid != c.SID:
		return "a jti of two sessions"
	}
	return c.Span.problem()
}

func (f *Fault) problem() string {
	if f.Name == "" || f.Name == All || f.Name == Healthy {
		return fmt.Sprintf("no name for a fault: %q", f.Name)
	}
	if p := f.Span.problem(); p != "" {
		return fmt.Sprintf("fault %q %s", f.Name, p)
	}
	return ""
}

func (l *Lapse) problem() string {
	if l.Why == "" {
		return "a lapse without a reason"
	}
	return l.Span.problem()
}

func (l *Limit) problem() string {
	if l.Edge == "" || l.Bound <= 0 {
		return "a limit of no edge, or none"
	}
	return l.Span.problem()
}
