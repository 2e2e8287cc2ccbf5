package session_test

import (
	"cmp"
	"slices"
	"time"

	"github.com/curfew-auth/curfew/internal/session"
)

// A model is what the rules promise, without stores and hashes: sessions in
// memory, of which those that are over stay, and a clock.
type model struct {
	rules    session.Config
	now      time.Time
	sessions []*lineage
}

// A lineage is a session with every refresh token it ever had, newest last.
type lineage struct {
	person
	id, kind  string
	tokens    []string
	created   time.Time
	rotated   time.Time
	idleEnd   time.Time // never after end
	end       time.Time
	ended     bool // rather than expired
	endedWhen time.Time
}

type person struct{ tenant, name string }

func (m *model) live(s *lineage) bool { return !s.ended && m.now.Before(s.idleEnd) }

// of returns somebody's live sessions, oldest first.
func (m *model) of(p person) (out []*lineage) {
	for _, s := range m.sessions {
		if s.person == p && m.live(s) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b *lineage) int { return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.id, b.id)) })
	return out
}

// surplus is what a login has to end: of a kind first, then of all that stay.
func (m *model) surplus(p person, kind string) []*lineage {
	live := m.of(p)
	same := slices.DeleteFunc(slices.Clone(live), func(s *lineage) bool { return s.kind != kind })
	gone := allButNewest(same, m.rules.Limit.PerKind-1)
	rest := slices.DeleteFunc(live, func(s *lineage) bool { return slices.Contains(gone, s) })
	return append(gone, allButNewest(rest, m.rules.Limit.Total-1)...)
}

// allButNewest leaves n of them, all if n is negative.
func allButNewest(of []*lineage, n int) []*lineage {
	if n < 0 {
		return nil
	}
	return slices.Clone(of[:max(0, len(of)-n)])
}

func (m *model) login(p person, kind, id, token string, created time.Time) *lineage {
	s := &lineage{person: p, id: id, kind: kind, tokens: []string{token}, created: created, end: m.now.Add(m.rules.SessionMax)}
	m.sessions = append(m.sessions, s)
	m.slide(s)
	return s
}

func (m *model) slide(s *lineage) {
	s.idleEnd = m.now.Add(m.rules.RefreshTTL)
	if s.idleEnd.After(s.end) {
		s.idleEnd = s.end
	}
}

// refresh says what presenting a token does, which is done then: the error, or
// the token that is the answer, empty for one that nobody has seen.
func (m *model) refresh(s *lineage, token string) (string, error) {
	newest := len(s.tokens) - 1
	switch n := slices.Index(s.tokens, token); {
	case !m.live(s):
		return "", session.ErrEnded
	case n == newest:
		s.rotated = m.now
		if !m.rules.FixedEnd {
			m.slide(s)
		}
		return "", nil
	case n == newest-1 && m.now.Sub(s.rotated) <= m.rules.Grace:
		return s.tokens[newest], nil
	}
	m.over(s)
	return "", session.ErrRefreshReused
}

// over ends sessions, unless they are over.
func (m *model) over(which ...*lineage) {
	for _, s := range which {
		if m.live(s) {
			s.ended, s.endedWhen = true, m.now
		}
	}
}
