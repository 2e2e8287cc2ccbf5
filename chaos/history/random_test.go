package history

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

const histories = 1000

// firstSeed is HISTORY_SEED, to repeat a failure, or a new one.
func firstSeed(t *testing.T) uint64 {
	seed := uint64(time.Now().UnixNano())
	if v := os.Getenv("HISTORY_SEED"); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	return seed
}

// forEachSeed runs f on a thousand clusters, and stops at the first that fails.
func forEachSeed(t *testing.T, f func(t *testing.T, w *sim)) {
	first := firstSeed(t)
	for seed := first; seed < first+histories && !t.Failed(); seed++ {
		f(t, simulate(seed))
		if t.Failed() {
			t.Logf("repeat with HISTORY_SEED=%d", seed)
		}
	}
}

func TestCorrectClusterPasses(t *testing.T) {
	probes, stale, refused := 0, 0, 0
	forEachSeed(t, func(t *testing.T, w *sim) {
		r := Check(w.h, bound, 0)
		if err := r.Err(); err != nil {
			t.Error(err)
		}
		all := r.Row(All, All)
		probes, stale, refused = probes+all.Probes, stale+all.Stale, refused+all.Outcomes[Refused]
		if all.Latest > bound {
			t.Errorf("latest acceptance %v after a 200", all.Latest)
		}
	})
	// Else the thousand histories would show nothing.
	if !t.Failed() && min(probes, stale, refused) < histories {
		t.Errorf("only %d probes, %d stale acceptances, %d refusals", probes, stale, refused)
	}
}

// One edge that misses one revocation is caught by one late call.
func TestDeafEdgeIsCaught(t *testing.T) {
	forEachSeed(t, func(t *testing.T, w *sim) {
		edge := w.edges[w.IntN(3)]
		w.done[0].applied[edge] = forever
		w.unconfirm()
		w.h.Calls = nil
		for w.h.Calls == nil || w.h.Calls[0].Outcome != Accepted { // 503 is right even here
			w.h.Calls = nil
			w.call(w.tokens[0], edge, w.done[0].End+bound+1+w.upTo(30*s))
		}
		wantKinds(t, Check(w.h, bound, 0), LateAcceptance)
	})
}

// One operation that breaks a rule is found among all those that break none.
func TestInjectedViolationIsCaught(t *testing.T) {
	for _, inject := range []func(*sim) Kind{injectLate, injectForgotten, injectFalse, injectRefresh, injectConfirmed, injectAgain, injectRevived} {
		name := string(inject(simulate(0)))
		t.Run(name, func(t *testing.T) {
			forEachSeed(t, func(t *testing.T, w *sim) {
				kind := inject(w)
				r := Check(w.h, bound, 0)
				if string(kind) != name {
					t.Fatalf("injected %q", kind)
				}
				total := 0
				for _, n := range r.Counts {
					total += n
				}
				if total != 1 || !found(r, kind, w) {
					t.Errorf("injected one %q, found %v", kind, r.Violations)
				}
			})
		})
	}
}

// found says whether the report blames the operation that was injected last.
func found(r Report, kind Kind, w *sim) bool {
	switch v := r.Violations[0]; {
	case v.Kind != kind:
		return false
	case kind == RefreshAfterEnd:
		return *v.Revoke == w.h.Revokes[0] && v.Refresh.JTI == "injected"
	default:
		return *v.Call == w.h.Calls[len(w.h.Calls)-1]
	}
}

// victim is a token that a committed revocation surely reaches, and that
// revocation: the first one and its own token, or any by jti or sid.
func (w *sim) victim() (simToken, Revoke) {
	for {
		t, v := w.tokens[w.IntN(len(w.tokens))], w.h.Revokes[w.IntN(len(w.h.Revokes))]
		named := v.Target == Target{ScopeToken, t.JTI} || v.Target == Target{ScopeSession, t.SID} && !v.TokensOnly
		cutoff := v.Target == t.user && t.End < v.Start
		if v.Outcome == Committed && (named || cutoff) {
			return t, v
		}
	}
}

func (w *sim) inject(t simToken, at Span, o CallOutcome) {
	w.h.Calls = append(w.h.Calls, Call{at, w.edges[w.IntN(3)], t.JTI, t.SID, o})
}

// unconfirm leaves nothing confirmed, so that what is late is only late.
func (w *sim) unconfirm() {
	for i := range w.h.Revokes {
		w.h.Revokes[i].Confirmed = false
	}
}

// drop takes the calls with an outcome of a token out of the history.
func (w *sim) drop(t simToken, o CallOutcome) {
	w.h.Calls = slices.DeleteFunc(w.h.Calls, func(c Call) bool { return c.JTI == t.JTI && c.Outcome == o })
}

func injectLate(w *sim) Kind {
	w.unconfirm()
	t, v := w.victim()
	w.drop(t, Refused) // it would be a forgotten one
	w.inject(t, w.span(v.End+bound+1+w.upTo(60*s)), Accepted)
	return LateAcceptance
}

func injectForgotten(w *sim) Kind {
	w.unconfirm()
	t, v := w.victim()
	w.drop(t, Accepted) // some would be accepted again too
	w.inject(t, span(v.Start, v.End), Refused)
	w.inject(t, w.span(v.End+bound+1+w.upTo(60*s)), Accepted)
	return Forgotten
}

// injectFalse refuses a token before anyone asked for its end.
func injectFalse(w *sim) Kind {
	t := w.tokens[w.IntN(len(w.tokens))]
	w.drop(t, Accepted)
	end := 200 * s
	for _, r := range w.done {
		if r.ID == t.JTI || r.ID == t.SID || r.Target == t.user {
			end = min(end, r.Start-1)
		}
	}
	w.inject(t, span(end-w.upTo(end), end), Refused)
	return FalseRefusal
}

// injectConfirmed accepts a token that every edge has confirmed to be over, once.
func injectConfirmed(w *sim) Kind {
	w.unconfirm()
	g := Grant{Span: span(200*s, 200*s+ms), SID: "confirmed", JTI: "confirmed", OK: true}
	w.h.Logins = append(w.h.Logins, g)
	w.h.Revokes = append(w.h.Revokes, Revoke{
		Span: span(201*s, 202*s), Target: Target{ScopeToken, g.JTI}, Outcome: Committed, Confirmed: true,
	})
	w.inject(simToken{Grant: g}, span(202*s+1, 203*s), Accepted)
	return AfterConfirmed
}

// injectAgain has one edge refuse and then accept a token whose end nobody was
// promised.
func injectAgain(w *sim) Kind {
	t := w.doubtful()
	w.inject(t, span(201*s, 202*s), Refused)
	c := Call{w.span(202*s + 1 + w.upTo(60*s)), w.h.Calls[len(w.h.Calls)-1].Edge, t.JTI, t.SID, Accepted}
	w.h.Calls = append(w.h.Calls, c)
	return AcceptedAgain
}

// injectRevived has one edge refuse such a token and another accept it, after B.
func injectRevived(w *sim) Kind {
	t := w.doubtful()
	w.h.Calls = append(w.h.Calls,
		Call{span(201*s, 202*s), "e0", t.JTI, t.SID, Refused},
		Call{w.span(202*s + bound + 1 + w.upTo(60*s)), "e1", t.JTI, t.SID, Accepted})
	return Revived
}

// doubtful is a token whose revocation was not answered 200.
func (w *sim) doubtful() simToken {
	g := Grant{Span: span(200*s, 200*s+ms), SID: "doubtful", JTI: "doubtful", OK: true}
	w.h.Logins = append(w.h.Logins, g)
	w.h.Revokes = append(w.h.Revokes, Revoke{
		Span: span(200*s, 201*s), Target: Target{ScopeToken, g.JTI}, Outcome: []RevokeOutcome{Pending, Failed, Lost}[w.IntN(3)],
	})
	return simToken{Grant: g}
}

// injectRefresh refreshes the session that the first revocation ended.
func injectRefresh(w *sim) Kind {
	w.h.Refreshes = append(w.h.Refreshes, Grant{
		Span: w.span(w.h.Revokes[0].End + 1 + w.upTo(60*s)), SID: "s0", JTI: "injected", OK: true})
	return RefreshAfterEnd
}

func BenchmarkCheck(b *testing.B) {
	h := bigHistory(2_000_000)
	for b.Loop() {
		r := Check(h, bound, 0)
		if err := r.Err(); err != nil {
			b.Fatal(err)
		}
	}
}

// bigHistory has n calls on n/20 tokens, half of them revoked, and 30 faults.
func bigHistory(n int) (h History) {
	for i := range n / 20 {
		sid, jti := fmt.Sprintf("session-%d", i), fmt.Sprintf("token-%d", i)
		start := time.Duration(i) * 10 * ms
		h.Logins = append(h.Logins, login(start, start+ms, sid, jti, alice))
		if i%2 == 0 {
			h.Revokes = append(h.Revokes, revoke(start+s, start+s+ms, ScopeSession, sid, Committed))
		}
		for j := range 20 {
			o, at := Accepted, start+time.Duration(j)*100*ms+2*ms
			if i%2 == 0 && j > 10 {
				o = Refused
			}
			h.Calls = append(h.Calls, Call{span(at, at+ms), fmt.Sprintf("edge-%d", j%3), jti, sid, o})
		}
	}
	for i := range 30 {
		start := time.Duration(i) * 30 * s
		h.Faults = append(h.Faults, Fault{span(start, start+20*s), fmt.Sprintf("fault %d", i%15)})
	}
	return h
}
