package history

import (
	"iter"
	"unique"
)

// A line is one operation in a file. Exactly one field is set.
type line struct {
	Login   *Grant  `json:"login,omitempty"`
	Refresh *Grant  `json:"refresh,omitempty"`
	Call    *Call   `json:"call,omitempty"`
	Revoke  *Revoke `json:"revoke,omitempty"`
	Fault   *Fault  `json:"fault,omitempty"`
	Lapse   *Lapse  `json:"lapse,omitempty"`
	Limit   *Limit  `json:"limit,omitempty"`
}

// addTo appends the operation to h and says whether there was exactly one.
func (l line) addTo(h *History) bool {
	before := h.Len()
	if l.Login != nil {
		h.Logins = append(h.Logins, *l.Login)
	}
	if l.Refresh != nil {
		h.Refreshes = append(h.Refreshes, *l.Refresh)
	}
	if l.Call != nil {
		h.Calls = append(h.Calls, *l.Call)
	}
	if l.Revoke != nil {
		h.Revokes = append(h.Revokes, *l.Revoke)
	}
	if l.Fault != nil {
		h.Faults = append(h.Faults, *l.Fault)
	}
	if l.Lapse != nil {
		h.Lapses = append(h.Lapses, *l.Lapse)
	}
	if l.Limit != nil {
		h.Limits = append(h.Limits, *l.Limit)
	}
	return h.Len() == before+1
}

// intern makes equal ids share their memory: most operations repeat ids that
// earlier ones brought.
func (l line) intern() {
	same := func(s *string) { *s = unique.Make(*s).Value() }
	for _, g := range []*Grant{l.Login, l.Refresh} {
		if g != nil {
			same(&g.JTI)
			same(&g.SID)
		}
	}
	if c := l.Call; c != nil {
		same(&c.JTI)
		same(&c.SID)
		same(&c.Edge)
		same((*string)(&c.Outcome))
	}
}

// lines yields every operation.
func (h *History) lines() iter.Seq[line] {
	return func(yield func(line) bool) {
		_ = each(h.Faults, yield, func(f *Fault) line { return line{Fault: f} }) &&
			each(h.Lapses, yield, func(l *Lapse) line { return line{Lapse: l} }) &&
			each(h.Limits, yield, func(l *Limit) line { return line{Limit: l} }) &&
			each(h.Logins, yield, func(g *Grant) line { return line{Login: g} }) &&
			each(h.Refreshes, yield, func(g *Grant) line { return line{Refresh: g} }) &&
			each(h.Revokes, yield, func(v *Revoke) line { return line{Revoke: v} }) &&
			each(h.Calls, yield, func(c *Call) line { return line{Call: c} })
	}
}

func each[T any](ops []T, yield func(line) bool, wrap func(*T) line) bool {
	for i := range ops {
		if !yield(wrap(&ops[i])) {
			return false
		}
	}
	return true
}
