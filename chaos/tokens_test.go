//go:build unix

package chaos

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// maxAge is when a token is no longer presented: soon it expires, and an
// expired token proves nothing.
const maxAge = 12 * time.Minute

// A token is one access token.
type token struct {
	raw, jti, sid string
	issued        time.Time
	revoked       time.Time // when that was answered; zero while it lives
}

// A session is what a client holds. Whoever took it out of the pool owns it.
type session struct {
	sid, user, refresh string
	tokens             []*token
}

// A pool holds what clients can present. All methods may be called concurrently.
type pool struct {
	mu     sync.Mutex // guards all below, and the tokens' fields
	live   []*session
	ended  []*token   // whose revocation was answered 200 or 202, oldest first
	closed []*session // ended ones that still have a refresh token
}

func (p *pool) size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.live)
}

func (p *pool) put(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.tokens = slices.DeleteFunc(s.tokens, func(t *token) bool { return time.Since(t.issued) > maxAge })
	if len(s.tokens) > 0 {
		p.live = append(p.live, s)
	}
}

// take removes any session, so that only the caller ends or refreshes it. nil
// if no more than least are left.
func (p *pool) take(least int) *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	return takeAny(&p.live, least)
}

// takeClosed removes any session that was ended.
func (p *pool) takeClosed() *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	return takeAny(&p.closed, 0)
}

// takeUser removes all sessions of the user whose turn it is.
func (p *pool) takeUser(least int) (user string, all []*session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.live) <= least {
		return "", nil
	}
	user = p.live[rand.IntN(len(p.live))].user
	p.live = slices.DeleteFunc(p.live, func(s *session) bool {
		if s.user == user {
			all = append(all, s)
		}
		return s.user == user
	})
	return user, all
}

func takeAny(from *[]*session, least int) *session {
	if len(*from) <= least {
		return nil
	}
	i := rand.IntN(len(*from))
	s := (*from)[i]
	*from = slices.Delete(*from, i, i+1)
	return s
}

// end notes that the tokens are revoked.
func (p *pool) end(tokens ...*token) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range tokens {
		t.revoked = time.Now()
		p.ended = append(p.ended, t)
	}
	p.ended = slices.DeleteFunc(p.ended, func(t *token) bool { return time.Since(t.issued) > maxAge })
}

// close keeps the refresh token of a session that was ended for later misuse.
func (p *pool) close(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.refresh != "" {
		p.closed = append(p.closed, s)
	}
}

// pick chooses a token to present: half of the time a good one, else one of
// those revoked within the last recent, or any revoked one. nil if there is none.
func (p *pool) pick(recent time.Duration) *token {
	p.mu.Lock()
	defer p.mu.Unlock()
	first, _ := slices.BinarySearchFunc(p.ended, time.Now().Add(-recent), func(t *token, at time.Time) int {
		return t.revoked.Compare(at)
	})
	choice := rand.IntN(10)
	switch {
	case choice < 3 && first < len(p.ended):
		return p.ended[first+rand.IntN(len(p.ended)-first)]
	case choice < 5 && len(p.ended) > 0:
		return p.ended[rand.IntN(len(p.ended))]
	case len(p.live) > 0:
		s := p.live[rand.IntN(len(p.live))]
		return s.tokens[rand.IntN(len(s.tokens))]
	}
	return nil
}
