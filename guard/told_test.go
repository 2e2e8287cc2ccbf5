package guard_test

import (
	"errors"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// forget makes the store lose everything, and vouches for it all the same.
func (m *mesh) forget() {
	m.redis.Server.FlushAll()
	m.vouch()
}

// The store knows a revocation that the log does not have: a logout while NATS
// is away. Then the log is back, without it, or the store forgets it: who was
// refused once is not accepted again.
func TestWhatTheStoreHasToldIsKept(t *testing.T) {
	m := newMesh(t)
	m.keepVouching()
	n := m.node(nil) // no issuer answers: every answer is the store's
	ended, other := m.token("s-1", "", time.Hour), m.token("s-1", "", time.Hour)
	n.eventually(t, ended, nil)
	testenv.Must(t, m.store.Apply(t.Context(), "", []events.Revocation{revocation(events.ScopeSession, "s-1")}))
	n.eventually(t, ended, guard.ErrRevoked)
	m.forget()
	n.eventually(t, other, nil) // nobody has asked about this one
	n.want(t, ended, guard.ErrRevoked)
	m.keep()
	testenv.Eventually(t, ceiling, n.Ready)
	n.eventually(t, other, nil)
	for _, mode := range []guard.Mode{guard.Local, guard.Strict} {
		if err := n.in(t, mode, ended); !errors.Is(err, guard.ErrRevoked) {
			t.Errorf("%v: accepted again: %v", mode, err)
		}
	}
}

// A token to be exchanged stays one, and so does every older one of the user;
// the user's next, and those of others, are good.
func TestOutdatedIsKeptAsOutdated(t *testing.T) {
	m := newMesh(t)
	m.keepVouching()
	n := m.node(nil)
	at := func(user string, stamp int64) string { return m.stamped("acme", user, stamp) }
	m.login("s-w")
	strictly := at("w", 400)
	n.eventuallyIn(t, guard.Strict, strictly, nil)
	asked, older, newer, another := at("u", 500), at("u", 400), at("u", 1001), at("v", 400)
	n.eventually(t, asked, nil)
	r := revocation(events.ScopeTenant, "acme")
	r.Mode, r.Stamp = events.ModeRefresh, 1000
	testenv.Must(t, m.store.Apply(t.Context(), "", []events.Revocation{r}))
	n.eventually(t, asked, guard.ErrRefreshRequired)
	n.eventuallyIn(t, guard.Strict, strictly, guard.ErrRefreshRequired)
	m.forget()
	n.want(t, strictly, guard.ErrRefreshRequired)
	for raw, want := range map[string]error{newer: nil, another: nil, asked: guard.ErrRefreshRequired, older: guard.ErrRefreshRequired} {
		n.eventually(t, raw, want)
	}
}

// A session that was gone from the store does not come back with an old image of
// it, in any mode that looks at revocations.
func TestGoneSessionStaysGone(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(nil)
	testenv.Eventually(t, ceiling, n.Ready)
	m.login("s-1")
	gone, held := m.token("s-2", "", time.Hour), m.token("s-1", "", time.Hour)
	n.eventuallyIn(t, guard.Strict, gone, guard.ErrRevoked)
	m.login("s-2")
	n.eventuallyIn(t, guard.Strict, held, nil)
	for _, mode := range []guard.Mode{guard.Local, guard.Strict} {
		if err := n.in(t, mode, gone); !errors.Is(err, guard.ErrRevoked) {
			t.Errorf("%v: %v", mode, err)
		}
	}
	// The edge's own copy says so: the store was not asked about this token again.
	if got := n.count(t, "curfew_decisions_total", "revoked", "local"); got != 2 {
		t.Errorf("%v refused from memory, want 2", got)
	}
}

// Of foreign tokens without a jti only the one is kept that was asked about, and
// that one also if its signature is written anew.
func TestTokenWithoutIDIsKeptAlone(t *testing.T) {
	m, p := newMesh(t), newProvider(t)
	m.keepVouching()
	n := m.node(trusting(p))
	ended, other := p.token(claims{"jti": nil}), p.token(claims{"jti": nil, "sid": "s-2"})
	n.eventually(t, ended, nil)
	r := revocation(events.ScopeSession, "s-1")
	r.Issuer = p.URL
	testenv.Must(t, m.store.Apply(t.Context(), "", []events.Revocation{r}))
	n.eventually(t, ended, guard.ErrRevoked)
	m.forget()
	n.eventually(t, other, nil)
	n.want(t, ended, guard.ErrRevoked)
}

// What one connection has heard from the store ends the others with that token.
func TestWhatTheStoreHasToldEndsConnections(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(func(c *guard.Config) { c.Staleness = 4 * time.Minute }) // checks again every minute
	testenv.Eventually(t, ceiling, n.Ready)
	m.login("s-1")
	raw, other := m.token("s-1", "", time.Hour), m.token("s-1", "", time.Hour)
	live, spared := n.connect(t, raw, guard.Local), n.connect(t, other, guard.Local)
	testenv.Must(t, m.store.Apply(t.Context(), "", []events.Revocation{revocation(events.ScopeSession, "s-1")}))
	n.eventuallyIn(t, guard.Strict, raw, guard.ErrRevoked)
	live.endsWith(t, guard.ErrRevoked)
	if spared.Err() != nil {
		t.Error("one ended that nobody has asked about")
	}
}
