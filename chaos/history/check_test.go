package history

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const (
	bound = 5 * time.Second
	s     = time.Second
	ms    = time.Millisecond
	ns    = time.Nanosecond
)

func span(start, end time.Duration) Span { return Span{start, end} }

func login(start, end time.Duration, sid, jti string, groups ...Target) Grant {
	return Grant{Span: span(start, end), SID: sid, JTI: jti, Groups: groups, OK: true}
}

func call(start, end time.Duration, edge, jti string, o CallOutcome) Call {
	return Call{Span: span(start, end), Edge: edge, JTI: jti, SID: sidOf(jti), Outcome: o}
}

// sidOf is the session of the tests' tokens: s1 has t1, t1b and so on.
func sidOf(jti string) string { return "s" + jti[1:2] }

func revoke(start, end time.Duration, scope, id string, o RevokeOutcome) Revoke {
	return Revoke{Span: span(start, end), Target: Target{scope, id}, Outcome: o}
}

var alice = Target{"user", "default/alice"}

// A fixture is a history and the violations it must have.
type fixture struct {
	name string
	h    History
	want []Kind
}

func (f fixture) run(t *testing.T) {
	t.Helper()
	r := Check(f.h, bound, 0)
	wantKinds(t, r, f.want...)
	if (r.Err() != nil) != (len(f.want) > 0) || r.Err() != nil && !errors.Is(r.Err(), ErrViolated) {
		t.Errorf("Err() = %v", r.Err())
	}
	for _, v := range r.Violations {
		if !strings.Contains(r.String(), v.String()) {
			t.Errorf("the report does not show %v", v)
		}
	}
}

func wantKinds(t *testing.T, r Report, want ...Kind) {
	t.Helper()
	got := make(map[Kind]int)
	for _, v := range r.Violations {
		got[v.Kind]++
	}
	for _, k := range want {
		got[k]--
	}
	for k, n := range got {
		if n != 0 {
			t.Errorf("%d of kind %q too many (or too few) in %v", n, k, r.Violations)
		}
	}
}

// one is a history of one login of alice, [1s, 2s], one revocation and calls.
func one(v Revoke, calls ...Call) History {
	return History{
		Logins:  []Grant{login(1*s, 2*s, "s1", "t1", alice)},
		Revokes: []Revoke{v},
		Calls:   calls,
	}
}

func TestLateAcceptance(t *testing.T) {
	accepted := func(start time.Duration) Call { return call(start, start+ms, "e1", "t1", Accepted) }
	token := func(o RevokeOutcome) Revoke { return revoke(10*s, 11*s, ScopeToken, "t1", o) }
	for _, f := range []fixture{
		{"exactly at the bound", one(token(Committed), accepted(16*s)), nil},
		{"a nanosecond later", one(token(Committed), accepted(16*s+ns)), []Kind{LateAcceptance}},
		{"started before, answered long after", one(token(Committed), call(16*s, 60*s, "e1", "t1", Accepted)), nil},
		{"pending", one(token(Pending), accepted(30*s)), nil},
		{"failed", one(token(Failed), accepted(30*s)), nil},
		{"lost", one(token(Lost), accepted(30*s)), nil},
		{"of the session", one(revoke(10*s, 11*s, ScopeSession, "s1", Committed), accepted(17*s)), []Kind{LateAcceptance}},
		{"of another token", one(revoke(10*s, 11*s, ScopeToken, "t2", Committed), accepted(30*s)), nil},
		{"of another session", one(revoke(10*s, 11*s, ScopeSession, "s2", Committed), accepted(30*s)), nil},
		{"a sid is no jti", one(revoke(10*s, 11*s, ScopeToken, "s1", Committed), accepted(30*s)), nil},
		{"503 is never late", one(token(Committed), call(30*s, 31*s, "e1", "t1", Unknown)), nil},
		{"of the user", one(revoke(10*s, 11*s, alice.Scope, alice.ID, Committed), accepted(17*s)), []Kind{LateAcceptance}},
		{"of another user", one(revoke(10*s, 11*s, alice.Scope, "default/bob", Committed), accepted(17*s)), nil},
		{"the key", one(Revoke{Span: span(10*s, 11*s), Target: alice, TokensOnly: true, Outcome: Committed}, accepted(17*s)), []Kind{LateAcceptance}},
	} {
		t.Run(f.name, f.run)
	}
}

func TestAfterConfirmed(t *testing.T) {
	confirmed := func(target Target, o RevokeOutcome) Revoke {
		return Revoke{Span: span(10*s, 11*s), Target: target, Outcome: o, Confirmed: true}
	}
	accepted := func(start time.Duration) Call { return call(start, start+ms, "e1", "t1", Accepted) }
	token := Target{ScopeToken, "t1"}
	for _, f := range []fixture{
		{"begun before the answer", one(confirmed(token, Committed), accepted(11*s)), nil},
		{"begun after it", one(confirmed(token, Committed), accepted(11*s+ns)), []Kind{AfterConfirmed}},
		{"and after the bound", one(confirmed(token, Committed), accepted(17*s)), []Kind{AfterConfirmed, LateAcceptance}},
		{"of the user", one(confirmed(alice, Committed), accepted(12*s)), []Kind{AfterConfirmed}},
		{"of another user", one(confirmed(Target{"user", "default/bob"}, Committed), accepted(12*s)), nil},
		{"pending promises nothing", one(confirmed(token, Pending), accepted(12*s)), nil},
		{"not confirmed", one(revoke(10*s, 11*s, ScopeToken, "t1", Committed), accepted(12*s)), nil},
	} {
		t.Run(f.name, f.run)
	}
}

func TestFirstCommittedRevocationCounts(t *testing.T) {
	h := one(revoke(10*s, 11*s, ScopeToken, "t1", Lost), call(17*s, 18*s, "e1", "t1", Accepted))
	h.Revokes = append(h.Revokes, revoke(12*s, 13*s, ScopeToken, "t1", Committed))
	fixture{"lost, then committed", h, nil}.run(t)
	h.Calls[0].Start = 18*s + ns
	h.Calls[0].End = 19 * s
	fixture{"late for the committed one", h, []Kind{LateAcceptance}}.run(t)
	h.Revokes = append(h.Revokes, revoke(15*s, 16*s, ScopeSession, "s1", Committed))
	fixture{"a later one excuses nothing", h, []Kind{LateAcceptance}}.run(t)
}

func TestSlack(t *testing.T) {
	h := one(revoke(10*s, 11*s, ScopeToken, "t1", Committed), call(16*s+50*ms, 17*s, "e1", "t1", Accepted))
	wantKinds(t, Check(h, bound, 50*ms))
	wantKinds(t, Check(h, bound, 49*ms), LateAcceptance)
}

func TestForgotten(t *testing.T) {
	v := revoke(10*s, 11*s, ScopeToken, "t1", Committed)
	refused := call(11*s, 12*s, "e1", "t1", Refused)
	for _, f := range []fixture{
		{"by the same edge", one(v, refused, call(17*s, 18*s, "e1", "t1", Accepted)), []Kind{Forgotten}},
		{"not yet at the bound", one(v, refused, call(16*s, 18*s, "e1", "t1", Accepted)), []Kind{AcceptedAgain}},
		{"by another edge", one(v, call(17*s, 18*s, "e2", "t1", Accepted), refused), []Kind{Forgotten}},
		{"the refusal came later", one(v, call(17*s, 18*s, "e1", "t1", Accepted), call(18*s, 19*s, "e1", "t1", Refused)), []Kind{LateAcceptance}},
		{"another token was refused", one(v, call(17*s, 18*s, "e1", "t1", Accepted), call(11*s, 12*s, "e1", "t2", Refused)), []Kind{LateAcceptance, FalseRefusal}},
		{"503 is no refusal", one(v, call(11*s, 12*s, "e1", "t1", Unknown), call(17*s, 18*s, "e1", "t1", Accepted)), []Kind{LateAcceptance}},
	} {
		t.Run(f.name, f.run)
	}
}

func TestFalseRefusal(t *testing.T) {
	refused := func(end time.Duration) Call { return call(end-ms, end, "e1", "t1", Refused) }
	token := func(o RevokeOutcome) Revoke { return revoke(10*s, 11*s, ScopeToken, "t1", o) }
	for _, f := range []fixture{
		{"never revoked", one(revoke(10*s, 11*s, ScopeToken, "t2", Committed), refused(20*s)), []Kind{FalseRefusal}},
		{"before it was asked for", one(token(Committed), refused(10*s-ns)), []Kind{FalseRefusal}},
		{"as it was asked for", one(token(Committed), refused(10*s)), nil},
		{"while it was asked for", one(token(Committed), call(9*s, 10*s+ns, "e1", "t1", Refused)), nil},
		{"pending", one(token(Pending), refused(20*s)), nil},
		{"failed", one(token(Failed), refused(20*s)), nil},
		{"lost", one(token(Lost), refused(20*s)), nil},
		{"denied is not refused", one(token(Committed), call(5*s, 6*s, "e1", "t1", Denied)), nil},
	} {
		t.Run(f.name, f.run)
	}
}

// A cutoff covers what was issued before it, and nothing after it.
func TestCutoff(t *testing.T) {
	user := func(o RevokeOutcome) Revoke { return revoke(10*s, 11*s, alice.Scope, alice.ID, o) }
	with := func(v Revoke, start, end time.Duration, o CallOutcome) History {
		h := one(v, call(20*s, 21*s, "e1", "t1", o))
		h.Logins[0].Span = span(start, end)
		return h
	}
	for _, f := range []fixture{
		{"issued before", with(user(Committed), 9*s, 10*s-ns, Accepted), []Kind{LateAcceptance}},
		{"issued as it began", with(user(Committed), 9*s, 10*s, Accepted), nil},
		{"the same, refused", with(user(Committed), 9*s, 10*s, Refused), nil},
		{"issued as it ended", with(user(Committed), 11*s, 12*s, Refused), nil},
		{"issued after", with(user(Committed), 11*s+ns, 12*s, Refused), []Kind{FalseRefusal}},
		{"the same, accepted", with(user(Committed), 11*s+ns, 12*s, Accepted), nil},
		{"after a pending one", with(user(Pending), 12*s, 13*s, Refused), nil},
		{"after a lost one", with(user(Lost), 12*s, 13*s, Refused), nil},
		{"long after a pending one", with(user(Pending), 200*s, 201*s, Refused), []Kind{FalseRefusal}},
		{"long after a lost one", with(user(Lost), 200*s, 201*s, Refused), []Kind{FalseRefusal}},
		{"a session's end reaches later tokens", with(revoke(10*s, 11*s, ScopeSession, "s1", Committed), 12*s, 13*s, Accepted), []Kind{LateAcceptance}},
		{"mode refresh does not", with(Revoke{Span: span(10*s, 11*s), Target: Target{ScopeSession, "s1"}, TokensOnly: true, Outcome: Committed}, 12*s, 13*s, Accepted), nil},
	} {
		t.Run(f.name, f.run)
	}
}

func TestRefreshAfterEnd(t *testing.T) {
	end := revoke(10*s, 11*s, ScopeSession, "s1", Committed)
	with := func(v Revoke, start time.Duration, ok bool) History {
		h := one(v)
		h.Refreshes = []Grant{{Span: span(start, start+s), SID: "s1", OK: ok}}
		if ok {
			h.Refreshes[0].JTI = "t1b"
		}
		return h
	}
	other := func(v Revoke, o RevokeOutcome) Revoke { v.Outcome = o; return v }
	tokens := func(v Revoke) Revoke { v.TokensOnly = true; return v }
	user := revoke(10*s, 11*s, alice.Scope, alice.ID, Committed)
	for _, f := range []fixture{
		{"as it ended", with(end, 11*s, true), nil},
		{"after", with(end, 11*s+ns, true), []Kind{RefreshAfterEnd}},
		{"refused", with(end, 12*s, false), nil},
		{"pending", with(other(end, Pending), 12*s, true), nil},
		{"failed", with(other(end, Failed), 12*s, true), nil},
		{"lost", with(other(end, Lost), 12*s, true), nil},
		{"a token is no session", with(revoke(10*s, 11*s, ScopeToken, "t1", Committed), 12*s, true), nil},
		{"another session", with(revoke(10*s, 11*s, ScopeSession, "s2", Committed), 12*s, true), nil},
		{"the user", with(user, 12*s, true), []Kind{RefreshAfterEnd}},
		{"mode refresh", with(tokens(user), 12*s, true), nil},
	} {
		t.Run(f.name, f.run)
	}
}

// Tokens that a refresh issued share the fate of their session and its groups.
func TestRefreshedTokens(t *testing.T) {
	h := one(revoke(10*s, 11*s, ScopeSession, "s1", Committed), call(20*s, 21*s, "e1", "t1b", Accepted))
	h.Refreshes = []Grant{login(9*s, 12*s, "s1", "t1b")}
	fixture{"refreshed while it ended", h, []Kind{LateAcceptance}}.run(t)
	h.Revokes[0].Target = alice
	fixture{"perhaps after the cutoff", h, nil}.run(t)
	h.Refreshes[0].End = 10*s - ns
	fixture{"before the cutoff, by the login's groups", h, []Kind{LateAcceptance}}.run(t)
	h.Refreshes[0].Groups = []Target{{"key", "k2"}}
	fixture{"groups of its own", h, nil}.run(t)
}
