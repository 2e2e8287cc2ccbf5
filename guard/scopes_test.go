package guard_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/fleet"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/token"
)

// stamped mints a token of a user of a tenant, with a stamp.
func (m *mesh) stamped(tenant, user string, stamp int64) string {
	m.t.Helper()
	now := time.Now()
	raw, err := m.keys.Mint(token.Claims{
		Issuer: issuer, Subject: user, ID: uuid.NewString(), SessionID: "s-" + user, Tenant: tenant, Region: m.region, Audience: []string{api},
		IssuedAt: now, ExpiresAt: now.Add(time.Hour), IssuedAtMillis: stamp,
	})
	testenv.Must(m.t, err)
	return raw
}

// Every scope refuses what it covers and nothing else, whether the copy knows
// or the store has to be asked.
func TestScopes(t *testing.T) {
	const stamp = 1_000_000
	for name, c := range map[string]struct {
		scope           events.Scope
		tenant, subject string
		mode            events.Mode
		tokens          map[[2]string]error // of tenant and user
		later           error               // what a token stamped later gets
	}{
		"user": {events.ScopeUser, "acme", "u", events.ModeEnd, map[[2]string]error{
			{"acme", "u"}: guard.ErrRevoked, {"acme", "v"}: nil, {"other", "u"}: nil,
		}, nil},
		"user, refresh": {events.ScopeUser, "acme", "u", events.ModeRefresh, map[[2]string]error{
			{"acme", "u"}: guard.ErrRefreshRequired, {"acme", "v"}: nil, {"other", "u"}: nil,
		}, nil},
		"tenant": {events.ScopeTenant, "", "acme", events.ModeEnd, map[[2]string]error{
			{"acme", "u"}: guard.ErrRevoked, {"acme", "v"}: guard.ErrRevoked, {"other", "u"}: nil,
		}, nil},
		"all": {events.ScopeAll, "", events.Everybody, events.ModeEnd, map[[2]string]error{
			{"acme", "u"}: guard.ErrRevoked, {"other", "v"}: guard.ErrRevoked,
		}, nil},
		"all, refresh": {events.ScopeAll, "", events.Everybody, events.ModeRefresh, map[[2]string]error{
			{"acme", "u"}: guard.ErrRefreshRequired, {"other", "v"}: guard.ErrRefreshRequired,
		}, nil},
		"key": {events.ScopeKey, "", "", events.ModeEnd, map[[2]string]error{
			{"acme", "u"}: guard.ErrRevoked, {"other", "v"}: guard.ErrRevoked,
		}, guard.ErrRevoked},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMesh(t)
			r := events.Revocation{
				ID: "r", Scope: c.scope, Issuer: issuer, Tenant: c.tenant, Subject: c.subject, Mode: c.mode,
				Stamp: stamp, TTLMillis: time.Hour.Milliseconds(),
			}
			if c.scope == events.ScopeKey {
				r.Subject = m.keys.SigningKeyID()
			}
			check := func(n *node) {
				for who, want := range c.tokens {
					n.eventually(t, m.stamped(who[0], who[1], stamp), want)
				}
				n.eventually(t, m.stamped("acme", "u", stamp+1), c.later)
			}
			m.keepVouching()
			testenv.Must(t, m.store.Apply(t.Context(), "", []events.Revocation{r}))
			byStore := m.node(nil) // never fresh: nobody answers
			check(byStore)
			m.keep()
			_, err := events.Publish(t.Context(), m.log, r)
			testenv.Must(t, err)
			byCopy := m.node(withoutStore)
			testenv.Eventually(t, ceiling, byCopy.Ready)
			check(byCopy)
			wantHeld(t, byCopy, r)
		})
	}
}

// wantHeld checks that a node confirms a revocation that it has, and none that
// covers more or something else.
func wantHeld(t *testing.T, n *node, r events.Revocation) {
	t.Helper()
	if !n.Holds(fleet.EntryOf(r)) {
		t.Errorf("%s %q is not confirmed", r.Scope, r.Subject)
	}
	other := fleet.EntryOf(r)
	if other.Subject += "x"; r.Scope == events.ScopeAll {
		other = fleet.Entry{Scope: r.Scope, Issuer: "https://other.test", Subject: r.Subject, Mode: r.Mode, Stamp: r.Stamp}
	}
	wrong := map[string]fleet.Entry{"another": other}
	if r.Scope.Cutoff() {
		later := fleet.EntryOf(r)
		later.Stamp++
		wrong["a later one"] = later
	}
	if r.Mode == events.ModeRefresh {
		end := fleet.EntryOf(r)
		end.Mode = events.ModeEnd
		wrong["an end"] = end
	}
	for what, e := range wrong {
		if n.Holds(e) {
			t.Errorf("%s of %s is confirmed", what, r.Scope)
		}
	}
}
