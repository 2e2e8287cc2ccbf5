package history

import (
	"cmp"
	"math"
	"slices"
)

// anytime is when something was issued that no operation tells of.
var anytime = Span{0, math.MaxInt64}

// A token is what the history says about one access token.
type token struct {
	fate
	sid      string
	refusals []*Call // as revoked, by their ends
}

// A session is what the history says about one session.
type session struct {
	fate
	login *Grant
}

// An index holds every token and session that the history names.
type index struct {
	revoked  revocations
	tokens   map[string]*token
	sessions map[string]*session
}

// at is one token, or one revocation's target, at one edge.
type at struct{ id, edge string }

func newIndex(h *History) *index {
	x := &index{
		revoked:  byTarget(h.Revokes),
		tokens:   make(map[string]*token),
		sessions: make(map[string]*session),
	}
	for i := range h.Logins {
		x.open(&h.Logins[i])
	}
	for i := range h.Refreshes {
		x.renew(&h.Refreshes[i])
	}
	for i := range h.Calls {
		x.call(&h.Calls[i])
	}
	for _, t := range x.tokens {
		slices.SortFunc(t.refusals, func(a, b *Call) int { return cmp.Compare(a.End, b.End) })
	}
	return x
}

// open indexes a login: a session and its first token.
func (x *index) open(g *Grant) {
	if !g.OK {
		return
	}
	x.sessions[g.SID] = &session{fate: x.revoked.session(g.SID, g.Groups, g.Span), login: g}
	x.issue(g, g.Groups)
}

// renew indexes a refresh: one more token of a session.
func (x *index) renew(g *Grant) {
	s := x.session(g.SID)
	if !g.OK {
		return
	}
	groups := g.Groups
	if groups == nil && s.login != nil {
		groups = s.login.Groups
	}
	x.issue(g, groups)
}

func (x *index) issue(g *Grant, groups []Target) {
	x.tokens[g.JTI] = &token{fate: x.revoked.token(g.JTI, g.SID, groups, g.Span), sid: g.SID}
}

func (x *index) session(sid string) *session {
	s := x.sessions[sid]
	if s == nil {
		s = &session{fate: x.revoked.session(sid, nil, anytime)}
		x.sessions[sid] = s
	}
	return s
}

// call notes refusals, and the token if nothing else told of it.
func (x *index) call(c *Call) {
	t := x.tokens[c.JTI]
	if t == nil {
		t = &token{fate: x.revoked.token(c.JTI, c.SID, nil, anytime), sid: c.SID}
		x.tokens[c.JTI] = t
	}
	if c.Outcome == Refused {
		t.refusals = append(t.refusals, c)
	}
}
