package commit_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/events"
)

const (
	users  = 3
	tenant = "acme"
)

// A token is what a login was given.
type token struct {
	user  string
	key   string // of the cutoffs that concern it
	stamp int64
	at    int // in the order of everything that the storm does
}

func newToken(user string, stamp int64) token {
	return token{user: user, key: cutoff(user, "").Key(), stamp: stamp}
}

// A cut is one attempt to end all that a user has.
type cut struct {
	name, user      string
	begun, finished int       // in that order; 0 until it is answered
	answered        time.Time // with "committed"
}

func (c *cut) committed() bool { return !c.answered.IsZero() }

// logins are the tokens and the cutoffs of a storm.
type logins struct {
	order  int
	tokens []token
	cuts   []*cut
}

func (l *logins) next() int {
	l.order++
	return l.order
}

func (s *storm) users() (names []string) {
	for n := range users {
		names = append(names, fmt.Sprint("user-", n))
	}
	return names
}

func cutoff(user, name string) events.Revocation {
	return events.Revocation{
		Scope: events.ScopeUser, Issuer: iss, Tenant: tenant, Subject: user, Reason: name,
		TTLMillis: (accessTTL + commit.Margin).Milliseconds(),
	}
}

// nameOf is what the storm calls a revocation.
func nameOf(r events.Revocation) string {
	if r.Scope.Cutoff() {
		return r.Reason
	}
	return r.Subject
}

// counts reports whether anybody may rely on what has this name.
func (s *storm) counts(name string) bool {
	_, answered := s.answered[name]
	return answered || s.underWay[name] || slices.ContainsFunc(s.cuts, func(c *cut) bool {
		return c.name == name && c.committed()
	})
}

// login lets every user in, if the store lets anybody in.
func (s *storm) login() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, user := range s.users() {
		if stamp, ok := s.store.Stamp(); ok {
			t := newToken(user, stamp)
			t.at = s.next()
			s.tokens = append(s.tokens, t)
		}
	}
}

// beginCut ends all that a user has, at some issuer, without waiting.
func (s *storm) beginCut(name, user string) {
	i := s.issuers[s.rng.IntN(len(s.issuers))]
	s.mu.Lock()
	c := &cut{name: name, user: user, begun: s.next()}
	s.cuts = append(s.cuts, c)
	s.underWay[name] = true
	s.mu.Unlock()
	s.running.Go(func() {
		receipt, err := i.Commit(s.ctx, cutoff(user, name))
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.underWay, name)
		c.finished = s.next()
		if err == nil && receipt.Committed && !i.dead() {
			c.answered = time.Now()
		}
	})
}

// failover promotes a replica that lacks the last writes. Its clock may be
// behind, by minutes.
func (s *storm) failover() {
	s.store.Failover(s.rng.IntN(20))
	if s.slow {
		s.store.SetClock(-time.Duration(s.rng.IntN(600)) * time.Second)
	}
}

// stored reports whether the store holds a revocation, or of a cutoff a later one.
func (s *storm) stored(r events.Revocation) bool {
	if r.Scope.Cutoff() {
		return s.store.Cutoff(r.Key()) >= r.Stamp
	}
	return s.store.Holds(r.Key())
}

// checkLogins checks that cutoffs end what was before them, and nothing else,
// by the tokens of the last logins or by all.
func (s *storm) checkLogins(when string, last int) {
	s.t.Helper()
	for _, t := range s.tokens[max(0, len(s.tokens)-last):] {
		over, perhaps := s.fate(t)
		for n, e := range s.edges {
			if over != nil && time.Since(over.answered) > staleness && e.acceptsToken(t) {
				s.t.Fatalf("%s: edge %d accepts a token of %s, stamped %d, ended by %s %s ago (fresh %t)",
					when, n, t.user, t.stamp, over.name, time.Since(over.answered), e.fresh())
			}
			if !perhaps && e.cut(t) {
				s.t.Fatalf("%s: edge %d refuses a token of %s, stamped %d, of a login after every cutoff", when, n, t.user, t.stamp)
			}
		}
	}
}

// fate returns the first cutoff that was answered with "committed" and begun
// after the token was handed out, and whether anything may have ended it.
func (s *storm) fate(t token) (over *cut, perhaps bool) {
	for _, c := range s.cuts {
		if c.user != t.user {
			continue
		}
		if c.begun > t.at && c.committed() && (over == nil || c.answered.Before(over.answered)) {
			over = c
		}
		perhaps = perhaps || !c.committed() || c.finished > t.at
	}
	return over, perhaps
}

// mustLogInAgain checks that nobody is locked out by what has been, unless by a
// cutoff that an edge has read and both copies have lost since: nobody was
// answered 200 then, and the edge keeps it until the stamps have passed it.
func (s *storm) mustLogInAgain() {
	s.t.Helper()
	for _, user := range s.users() {
		stamp, ok := s.store.Stamp()
		if !ok {
			s.t.Fatal("nobody can log in")
		}
		for n, e := range s.edges {
			t := newToken(user, stamp)
			if !e.acceptsToken(t) && !s.lostCutoff(t) {
				s.t.Fatalf("edge %d refuses a login of %s after the storm", n, user)
			}
		}
	}
}

// lostCutoff reports whether the log has held a cutoff over the token that
// neither copy holds any more.
func (s *storm) lostCutoff(t token) bool {
	return slices.ContainsFunc(s.cuts, func(c *cut) bool {
		r, ok := s.log.appended(c.name)
		return ok && c.user == t.user && r.Stamp >= t.stamp && !s.log.covers(r) && !s.stored(r)
	})
}
