package session_test

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/curfew-auth/curfew/internal/session"
)

// signIn has somebody log in, which may end other sessions of theirs.
func (m *machine) signIn(t *rapid.T) {
	p := rapid.SampledFrom(people).Draw(t, "who")
	kind := rapid.SampledFrom([]string{"web", "ios"}).Draw(t, "kind")
	gone := m.surplus(p, kind)
	g, err := m.issuer(t).Login(t.Context(), session.Credentials{
		Username: p.name, Tenant: p.tenant, Device: session.Device{ID: "d-" + kind, Kind: kind},
	})
	if len(gone) > 0 && m.rules.Limit.Refuse {
		wantError(t, "login", err, session.ErrSessionLimit)
		return
	}
	must(t, err)
	m.over(gone...)
	got, err := m.bench.store.Get(t.Context(), g.SessionID)
	must(t, err)
	m.wantTime(t, "age", m.now.Sub(got.CreatedAt), 0)
	m.wantGrant(t, g, m.login(p, kind, g.SessionID, g.RefreshToken, got.CreatedAt), g.RefreshToken)
}

func (m *machine) rotate(t *rapid.T) {
	s := m.any(t)
	m.present(t, s, s.tokens[len(s.tokens)-1])
}

// retry presents the predecessor, in its grace or not.
func (m *machine) retry(t *rapid.T) {
	s := m.any(t)
	if len(s.tokens) < 2 {
		t.SkipNow()
	}
	m.present(t, s, s.tokens[len(s.tokens)-2])
}

// lateRetry presents the predecessor in the last moment of its grace, or the
// first after it.
func (m *machine) lateRetry(t *rapid.T, pass func(time.Duration)) {
	s := m.any(t)
	if !m.live(s) {
		t.SkipNow()
	}
	token := s.tokens[len(s.tokens)-1]
	m.present(t, s, token)
	pass(m.rules.Grace + time.Duration(rapid.IntRange(0, 1).Draw(t, "ms late"))*time.Millisecond)
	m.present(t, s, token)
}

// reuse presents a token from before that.
func (m *machine) reuse(t *rapid.T) {
	s := m.any(t)
	if len(s.tokens) < 3 {
		t.SkipNow()
	}
	m.present(t, s, oneOf(t, s.tokens[:len(s.tokens)-2]))
}

func (m *machine) present(t *rapid.T, s *lineage, token string) {
	next, want := m.refresh(s, token)
	g, err := m.issuer(t).Refresh(t.Context(), token, session.Caller{})
	wantError(t, "refresh", err, want)
	if want == nil {
		m.wantGrant(t, g, s, next)
	}
}

// forge presents the token of one session for another, which changes nothing.
func (m *machine) forge(t *rapid.T) {
	s, other := m.any(t), m.any(t)
	if s == other {
		t.SkipNow()
	}
	want := session.ErrRefreshInvalid
	if !m.live(s) {
		want = session.ErrEnded
	}
	_, err := m.issuer(t).Refresh(t.Context(), splice(t, s.id, other.tokens[0]), session.Caller{})
	wantError(t, "forgery", err, want)
}

// logout does not ask whether the session is there, and files its end anyway.
func (m *machine) logout(t *rapid.T) {
	s := m.any(t)
	if !m.live(s) {
		t.SkipNow()
	}
	_, err := m.issuer(t).Logout(t.Context(), session.Session{ID: s.id, UserID: s.person.id()})
	must(t, err)
	m.over(s)
}

// logoutRefresh takes any token the session ever had, and ends also what is over.
func (m *machine) logoutRefresh(t *rapid.T) {
	s := m.any(t)
	var want error
	if !m.live(s) {
		want = session.ErrEnded
	}
	_, err := m.issuer(t).LogoutRefresh(t.Context(), oneOf(t, s.tokens))
	wantError(t, "logout by refresh token", err, want)
	s.ended, s.endedWhen = true, m.now
}

// endOne: everybody ends only their own.
func (m *machine) endOne(t *rapid.T) {
	s, p := m.any(t), rapid.SampledFrom(people).Draw(t, "who")
	_, err := m.issuer(t).EndOne(t.Context(), p.tenant, p.id(), s.id)
	if !m.live(s) || s.person != p {
		wantError(t, "end one", err, session.ErrNotFound)
		return
	}
	must(t, err)
	m.over(s)
}

// endAll keeps one session, which may be over or another's.
func (m *machine) endAll(t *rapid.T) {
	s := m.any(t)
	mine := slices.DeleteFunc(m.of(s.person), func(of *lineage) bool { return of == s })
	receipts, err := m.issuer(t).EndAll(t.Context(), s.tenant, s.person.id(), s.id)
	must(t, err)
	if len(receipts) != len(mine) {
		t.Fatalf("ended %d, want %d", len(receipts), len(mine))
	}
	m.over(mine...)
}
