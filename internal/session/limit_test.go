package session_test

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/session"
)

// limited returns two issuers of one store that keep to a limit.
func (b *bench) limited(l session.Limit) (c [2]*session.Service) {
	rules := config()
	rules.Limit = l
	for n := range c {
		c[n] = b.restart(rules)
	}
	return c
}

func loginOn(t *testing.T, s *session.Service, kind string) (session.Grant, error) {
	t.Helper()
	return s.Login(t.Context(), session.Credentials{
		Username: "alice", Password: password, IP: "192.0.2.7", Device: session.Device{ID: "d-" + kind, Kind: kind},
	})
}

func TestNewestWins(t *testing.T) {
	b := newBench(t)
	s := b.limited(session.Limit{PerKind: 1})
	old, err := loginOn(t, s[0], "web")
	must(t, err)
	phone, err := loginOn(t, s[0], "ios")
	must(t, err)
	_, err = loginOn(t, s[1], "web")
	must(t, err)
	_, err = b.Refresh(t.Context(), old.RefreshToken, session.Caller{})
	wantError(t, "refresh of the evicted session", err, session.ErrEnded)
	_, err = b.Refresh(t.Context(), phone.RefreshToken, session.Caller{})
	must(t, err)
	if got := b.ends.completed; len(got) != 1 || got[0].Subject != old.SessionID || got[0].Scope != events.ScopeSession ||
		got[0].Reason != "session_limit" || got[0].Actor != "curfew" {
		t.Errorf("completed: %+v", got)
	}
	n := slices.IndexFunc(b.trail.events, func(e session.Event) bool { return e.Kind == session.EventSessionLimit })
	if n < 0 {
		t.Fatal("the trail has no eviction")
	}
	if e := b.trail.events[n]; e.SessionID != old.SessionID || e.UserID != "u-alice" || e.Tenant != "default" ||
		e.Reason != "session_limit" || e.Actor != "curfew" || e.Device.ID != "d-web" || e.At.IsZero() || e.RevocationID == "" {
		t.Errorf("trail: %+v", e)
	}
}

func TestLimitRefuses(t *testing.T) {
	b := newBench(t)
	s := b.limited(session.Limit{Total: 1, Refuse: true})
	first, err := loginOn(t, s[0], "web")
	must(t, err)
	_, err = loginOn(t, s[1], "ios")
	wantError(t, "one too many", err, session.ErrSessionLimit)
	if e := b.trail.last(); e.Kind != session.EventSessionLimit || e.UserID != "u-alice" || e.Reason != "login_refused" ||
		e.SessionID != "" || e.Device.ID != "d-ios" || e.At.IsZero() {
		t.Errorf("trail: %+v", e)
	}
	_, err = b.Refresh(t.Context(), first.RefreshToken, session.Caller{})
	must(t, err)
	_, err = b.Logout(t.Context(), session.Session{ID: first.SessionID, UserID: "u-alice"})
	must(t, err)
	_, err = loginOn(t, s[1], "ios")
	must(t, err)
}

// everybody is an Authenticator that lets everybody in.
type everybody struct{}

func (everybody) Authenticate(_ context.Context, c session.Credentials) (session.User, error) {
	return session.User{ID: "u-" + c.Username, Tenant: cmp.Or(c.Tenant, session.DefaultTenant)}, nil
}

// The same name in two tenants is two people: limits and lists never cross.
func TestTenantsAreApart(t *testing.T) {
	b := newBench(t)
	b.parts.Users = everybody{}
	rules := config()
	rules.Limit = session.Limit{Total: 1, PerKind: 1}
	s := session.NewService(b.parts, rules)
	grants := map[string]session.Grant{}
	for _, tenant := range []string{"acme", "umbrella", "default"} {
		g, err := s.Login(t.Context(), session.Credentials{Username: "alice", Password: "x", Tenant: tenant})
		must(t, err)
		grants[tenant] = g
	}
	_, err := s.EndOne(t.Context(), "acme", "u-alice", grants["umbrella"].SessionID)
	wantError(t, "end another tenant's session", err, session.ErrNotFound)
	_, err = s.EndAll(t.Context(), "umbrella", "u-alice", "")
	must(t, err)
	for tenant, want := range map[string]int{"acme": 1, "umbrella": 0, "default": 1} {
		list, err := s.Sessions(t.Context(), tenant, "u-alice")
		must(t, err)
		if len(list) != want || want == 1 && list[0].ID != grants[tenant].SessionID {
			t.Errorf("%s: %+v", tenant, list)
		}
	}
}

// Two issuers, many logins at once: exactly one session is left.
func TestLimitHoldsUnderParallelLogins(t *testing.T) {
	b := newBench(t)
	b.parts.Users = everybody{} // or most would wait for their turn to hash
	rules := config()
	rules.Limit.Total = 1
	s := [2]*session.Service{session.NewService(b.parts, rules), session.NewService(b.parts, rules)}
	const logins = 50
	var wg sync.WaitGroup
	for n := range logins {
		wg.Go(func() {
			if _, err := loginOn(t, s[n%2], "web"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	left, err := b.Sessions(t.Context(), "default", "u-alice")
	must(t, err)
	if len(left) != 1 || len(b.ends.completed) != logins-1 {
		t.Errorf("%d sessions left, %d evictions completed", len(left), len(b.ends.completed))
	}
}
