package history

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

const forever = time.Duration(math.MaxInt64)

// A sim is a cluster that keeps the promise, and knows what really happened.
type sim struct {
	*rand.Rand
	h      History
	edges  []string
	tokens []simToken
	opened map[string]time.Duration // when a sid's login took place
	done   []simRevoke
}

type simToken struct {
	Grant
	user   Target
	minted time.Duration
}

// A simRevoke is a revocation with the moment in which it took hold and the
// moment in which each edge applied it.
type simRevoke struct {
	Revoke
	held    time.Duration
	applied map[string]time.Duration
}

// simulate plays two minutes of a cluster. The first revocation is a committed
// one of session s0, whose user nothing else touches.
func simulate(seed uint64) *sim {
	w := &sim{
		Rand:   rand.New(rand.NewPCG(seed, 1)),
		edges:  []string{"e0", "e1", "e2"},
		opened: make(map[string]time.Duration),
	}
	for i := range 8 {
		w.login(i)
	}
	w.revoke(Target{ScopeSession, "s0"}, Committed, false, w.upTo(60*s)+w.tokens[0].End)
	for range 10 {
		w.revokeAny()
	}
	for i := range 12 {
		w.refresh(i)
	}
	for range 150 {
		t := w.tokens[w.IntN(len(w.tokens))]
		w.call(t, w.edges[w.IntN(3)], t.End+w.upTo(100*s))
	}
	for _, name := range []string{"cut", "stop", "cut"} {
		start := w.upTo(100 * s)
		w.h.Faults = append(w.h.Faults, Fault{span(start, start+w.upTo(20*s)), name})
	}
	w.Shuffle(len(w.h.Calls), func(i, j int) { w.h.Calls[i], w.h.Calls[j] = w.h.Calls[j], w.h.Calls[i] })
	return w
}

// upTo is a random time, short ones as likely as long ones.
func (w *sim) upTo(d time.Duration) time.Duration {
	return time.Duration(w.Int64N(1 + int64(math.Pow(float64(d), 0.5+w.Float64()/2))))
}

// within is a random moment of the span.
func (w *sim) within(p Span) time.Duration { return p.Start + w.upTo(p.End-p.Start) }

func (w *sim) span(start time.Duration) Span { return span(start, start+w.upTo(12*s)) }

func (w *sim) login(i int) {
	user := Target{"user", fmt.Sprintf("u%d", 1+i%2)}
	if i == 0 {
		user.ID = "u0"
	}
	g := Grant{w.span(w.upTo(20 * s)), fmt.Sprintf("s%d", i), fmt.Sprintf("t%d", i), []Target{user}, true}
	w.tokens = append(w.tokens, simToken{g, user, w.within(g.Span)})
	w.opened[g.SID] = w.tokens[i].minted
	w.h.Logins = append(w.h.Logins, g)
}

func (w *sim) revokeAny() {
	t := w.tokens[1+w.IntN(len(w.tokens)-1)]
	target := []Target{{ScopeToken, t.JTI}, {ScopeSession, t.SID}, t.user}[w.IntN(3)]
	outcome := []RevokeOutcome{Committed, Committed, Pending, Failed, Lost}[w.IntN(5)]
	w.revoke(target, outcome, w.IntN(3) == 0, t.End+w.upTo(60*s))
}

func (w *sim) revoke(target Target, o RevokeOutcome, tokensOnly bool, start time.Duration) {
	v := Revoke{Span: w.span(start), Target: target, TokensOnly: tokensOnly, Outcome: o}
	r := simRevoke{v, w.within(v.Span), make(map[string]time.Duration)}
	by := w.within(span(r.held, v.End)) + bound // answered, then B
	if o != Committed {
		r.held, by = v.Start+w.upTo(30*s), forever
	}
	if (o == Failed || o == Lost) && w.IntN(2) == 0 {
		r.held = forever
	}
	for _, e := range w.edges {
		r.applied[e] = forever
		if r.held != forever {
			r.applied[e] = min(r.held+w.upTo(20*s), by)
			by = min(by, r.applied[e]+bound) // as soon as one refuses, B runs for the others
		}
	}
	for e, at := range r.applied {
		r.applied[e] = min(at, by)
	}
	v.Confirmed = o == Committed && slices.Max(slices.Collect(maps.Values(r.applied))) <= v.End
	w.done = append(w.done, r)
	w.h.Revokes = append(w.h.Revokes, v)
}

func (w *sim) refresh(i int) {
	t := w.tokens[w.IntN(8)]
	g := Grant{Span: w.span(t.End + w.upTo(60*s)), SID: t.SID}
	at := w.within(g.Span)
	g.OK = !slices.ContainsFunc(w.done, func(r simRevoke) bool { return r.ends(t, w.opened[t.SID]) && r.held <= at })
	if g.OK {
		g.JTI = fmt.Sprintf("r%d", i)
		w.tokens = append(w.tokens, simToken{g, t.user, at})
	}
	w.h.Refreshes = append(w.h.Refreshes, g)
}

func (w *sim) call(t simToken, edge string, start time.Duration) {
	c := Call{w.span(start), edge, t.JTI, t.SID, Accepted}
	at := w.within(c.Span)
	if slices.ContainsFunc(w.done, func(r simRevoke) bool { return r.covers(t) && r.applied[edge] <= at }) {
		c.Outcome = Refused
	}
	if n := w.IntN(20); n < 3 {
		c.Outcome = []CallOutcome{Unknown, Other, Denied}[n]
	}
	w.h.Calls = append(w.h.Calls, c)
}

// ends says whether the session of t, opened at that moment, is over once r
// has taken hold.
func (r simRevoke) ends(t simToken, opened time.Duration) bool {
	if r.TokensOnly || r.Scope == ScopeToken {
		return false
	}
	return r.ID == t.SID || r.Target == t.user && opened <= r.held
}

// covers says whether the edges that have applied r refuse t.
func (r simRevoke) covers(t simToken) bool {
	switch r.Target {
	case Target{ScopeToken, t.JTI}:
		return true
	case Target{ScopeSession, t.SID}:
		return !r.TokensOnly || t.minted <= r.held
	}
	return r.Target == t.user && t.minted <= r.held
}
