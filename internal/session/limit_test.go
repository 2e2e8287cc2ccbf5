package session_test

import (
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
	_, err = b.Refresh(t.Context(), old.RefreshToken, "")
	wantError(t, "refresh of the evicted session", err, session.ErrEnded)
	_, err = b.Refresh(t.Context(), phone.RefreshToken, "")
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
	_, err = b.Refresh(t.Context(), first.RefreshToken, "")
	must(t, err)
	_, err = b.Logout(t.Context(), first.SessionID, "u-alice")
	must(t, err)
	_, err = loginOn(t, s[1], "ios")
	must(t, err)
}

// Two issuers, many logins at once: exactly one session is left.
func TestLimitHoldsUnderParallelLogins(t *testing.T) {
	b := newBench(t)
	s := b.limited(session.Limit{Total: 1})
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
