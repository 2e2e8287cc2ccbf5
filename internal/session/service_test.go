package session_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/curfew-auth/curfew/internal/session"
)

func TestLogin(t *testing.T) {
	b := newBench(t)
	g := b.login(t, "alice")
	c, err := b.verify.Verify(t.Context(), g.AccessToken)
	must(t, err)
	s, err := b.store.Get(t.Context(), g.SessionID)
	must(t, err)
	if c.Subject != "u-alice" || c.SessionID != g.SessionID || c.Tenant != "default" || c.Device != "d1" ||
		c.ClientID != "curfew" || c.Region != "test" || len(c.Roles) != 1 || c.Roles[0] != "admin" {
		t.Errorf("claims: %+v", c)
	}
	if c.IssuedAtMillis != s.CreatedAt.UnixMilli() || c.IssuedAt.Unix() != s.CreatedAt.Unix() {
		t.Errorf("stamped %d and %v, the store says %v", c.IssuedAtMillis, c.IssuedAt, s.CreatedAt)
	}
	for name, id := range map[string]string{"jti": c.ID, "sid": c.SessionID} {
		if _, err := uuid.Parse(id); err != nil {
			t.Errorf("%s %q: %v", name, id, err)
		}
	}
	if g.ExpiresIn != 15*time.Minute || g.RefreshExpiresIn != 2*time.Hour || g.UserID != "u-alice" {
		t.Errorf("grant: expires %v and %v, user %q", g.ExpiresIn, g.RefreshExpiresIn, g.UserID)
	}
	if s.IP != "192.0.2.7" || s.UserAgent != "test/1" || s.Device.Name != "phone" {
		t.Errorf("session: %+v", s)
	}
	if e := b.trail.last(); e.Kind != session.EventLogin || e.UserID != "u-alice" || e.SessionID != g.SessionID || e.IP != "192.0.2.7" {
		t.Errorf("trail: %+v", e)
	}
}

func TestLoginRefuses(t *testing.T) {
	b := newBench(t)
	long := strings.Repeat("x", 129)
	for name, c := range map[string]struct {
		with session.Credentials
		want error
	}{
		"wrong password": {session.Credentials{Username: "alice", Password: "x"}, session.ErrInvalidCredentials},
		"unknown user":   {session.Credentials{Username: "carol", Password: password}, session.ErrInvalidCredentials},
		"other tenant":   {session.Credentials{Username: "alice", Password: password, Tenant: "acme"}, session.ErrInvalidCredentials},
		"unknown kind":   {session.Credentials{Device: session.Device{Kind: "toaster"}}, session.ErrBadDevice},
		"long device id": {session.Credentials{Device: session.Device{ID: long}}, session.ErrBadDevice},
		"not UTF-8":      {session.Credentials{Device: session.Device{Name: "\xff"}}, session.ErrBadDevice},
	} {
		if _, err := b.Login(t.Context(), c.with); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	for _, e := range b.trail.events {
		if e.Kind != session.EventLoginFailed || e.UserID != "" || e.SessionID != "" {
			t.Errorf("trail: %+v", e)
		}
	}
}

func TestLoginBoundsWhatItStores(t *testing.T) {
	b := newBench(t)
	g, err := b.Login(t.Context(), session.Credentials{
		Username: "alice", Password: password, IP: strings.Repeat("1", 1<<10), UserAgent: strings.Repeat("ü", 1<<10) + "\xff",
	})
	must(t, err)
	s, err := b.store.Get(t.Context(), g.SessionID)
	must(t, err)
	if len(s.IP) != 64 || len(s.UserAgent) != 512 {
		t.Errorf("kept %d and %d bytes", len(s.IP), len(s.UserAgent))
	}
}

func TestRefresh(t *testing.T) {
	b := newBench(t)
	first := b.login(t, "alice")
	second, err := b.Refresh(t.Context(), first.RefreshToken, session.Caller{IP: "192.0.2.8"})
	must(t, err)
	if second.RefreshToken == first.RefreshToken || second.AccessToken == first.AccessToken || second.SessionID != first.SessionID {
		t.Error("the refresh gave the same again, or another session")
	}
	a, _ := b.verify.Verify(t.Context(), first.AccessToken)
	c, err := b.verify.Verify(t.Context(), second.AccessToken)
	must(t, err)
	if c.ID == a.ID || c.IssuedAtMillis < a.IssuedAtMillis || c.Subject != a.Subject {
		t.Errorf("claims %+v after %+v", c, a)
	}
	if e := b.trail.last(); e.Kind != session.EventRefresh || e.IP != "192.0.2.8" || e.UserID != "u-alice" {
		t.Errorf("trail: %+v", e)
	}
	third, err := b.Refresh(t.Context(), second.RefreshToken, session.Caller{})
	must(t, err)
	if third.RefreshToken == second.RefreshToken {
		t.Error("the chain stopped")
	}
}

func TestRefreshRacesGiveOneSuccessor(t *testing.T) {
	b := newBench(t)
	first := b.login(t, "alice")
	got := make([]session.Grant, 50)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			var err error
			if got[i], err = b.Refresh(t.Context(), first.RefreshToken, session.Caller{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	access := map[string]bool{}
	for _, g := range got {
		access[g.AccessToken] = true
		if g.RefreshToken != got[0].RefreshToken {
			t.Fatal("two successors")
		}
	}
	if len(access) != len(got) {
		t.Errorf("%d access tokens for %d answers", len(access), len(got))
	}
	_, err := b.Refresh(t.Context(), got[0].RefreshToken, session.Caller{})
	must(t, err)
}

func TestReuseEndsTheSession(t *testing.T) {
	b := newBench(t)
	first, other := b.login(t, "alice"), b.login(t, "alice")
	second, err := b.Refresh(t.Context(), first.RefreshToken, session.Caller{})
	must(t, err)
	third, err := b.Refresh(t.Context(), second.RefreshToken, session.Caller{})
	must(t, err)
	_, err = b.Refresh(t.Context(), first.RefreshToken, session.Caller{IP: "203.0.113.9"})
	wantError(t, "reuse", err, session.ErrRefreshReused)
	if e := b.trail.last(); e.Kind != session.EventReuse || e.UserID != "u-alice" || e.IP != "203.0.113.9" {
		t.Errorf("trail: %+v", e)
	}
	if got := b.ends.reasons(t); len(got) != 1 || got[0] != "refresh_reuse by curfew" {
		t.Errorf("revocations: %v", got)
	}
	for _, raw := range []string{third.RefreshToken, first.RefreshToken} {
		_, err = b.Refresh(t.Context(), raw, session.Caller{})
		wantError(t, "refresh after the end", err, session.ErrEnded)
	}
	_, err = b.Refresh(t.Context(), other.RefreshToken, session.Caller{})
	must(t, err)
}

// A reuse that could not end the session is not reported as one that did.
func TestReuseIsClaimedOnlyWhenEnded(t *testing.T) {
	b := newBench(t)
	first := b.login(t, "alice")
	second, err := b.Refresh(t.Context(), first.RefreshToken, session.Caller{})
	must(t, err)
	_, err = b.Refresh(t.Context(), second.RefreshToken, session.Caller{})
	must(t, err)
	b.ends.err = session.ErrUnavailable
	_, err = b.Refresh(t.Context(), first.RefreshToken, session.Caller{})
	if !errors.Is(err, session.ErrUnavailable) || errors.Is(err, session.ErrRefreshReused) {
		t.Fatalf("got %v", err)
	}
	b.ends.err = nil
	_, err = b.Refresh(t.Context(), first.RefreshToken, session.Caller{})
	wantError(t, "again", err, session.ErrRefreshReused)
}

// Hanging up does not save a stolen token.
func TestReuseEndsEvenIfTheCallerIsGone(t *testing.T) {
	b := newBench(t)
	first := b.login(t, "alice")
	second, err := b.Refresh(t.Context(), first.RefreshToken, session.Caller{})
	must(t, err)
	_, err = b.Refresh(t.Context(), second.RefreshToken, session.Caller{})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	b.Store = hangUp{b.Store, cancel}
	_, err = b.Refresh(ctx, first.RefreshToken, session.Caller{})
	wantError(t, "reuse", err, session.ErrRefreshReused)
	_, err = b.store.Get(t.Context(), first.SessionID)
	wantError(t, "get", err, session.ErrNotFound)
}

// hangUp ends the caller's context once the store has answered.
type hangUp struct {
	session.Store
	cancel context.CancelFunc
}

func (h hangUp) Rotate(ctx context.Context, r session.Rotation) (session.Rotated, error) {
	defer h.cancel()
	return h.Store.Rotate(ctx, r)
}

// Nobody ends a session by making up a token for its id.
func TestForgedTokenEndsNothing(t *testing.T) {
	b := newBench(t)
	mine, yours := b.login(t, "alice"), b.login(t, "bob")
	forged := splice(t, mine.SessionID, yours.RefreshToken)
	_, err := b.Refresh(t.Context(), forged, session.Caller{})
	wantError(t, "refresh", err, session.ErrRefreshInvalid)
	_, err = b.LogoutRefresh(t.Context(), forged)
	wantError(t, "logout", err, session.ErrRefreshInvalid)
	for _, bad := range []string{"", "cfr_", mine.AccessToken, mine.RefreshToken + "A"} {
		_, err = b.Refresh(t.Context(), bad, session.Caller{})
		wantError(t, "refresh", err, session.ErrRefreshInvalid)
		_, err = b.LogoutRefresh(t.Context(), bad)
		wantError(t, "logout", err, session.ErrRefreshInvalid)
	}
	if got := b.ends.reasons(t); len(got) != 0 {
		t.Errorf("revocations: %v", got)
	}
	_, err = b.Refresh(t.Context(), mine.RefreshToken, session.Caller{})
	must(t, err)
}

func TestRefreshOutsideGraceIsReuse(t *testing.T) {
	b := newBench(t)
	c := config()
	c.Grace = 0
	strict := b.restart(c)
	first := b.login(t, "alice")
	_, err := strict.Refresh(t.Context(), first.RefreshToken, session.Caller{})
	for err == nil { // within the same millisecond the grace of zero still holds
		_, err = strict.Refresh(t.Context(), first.RefreshToken, session.Caller{})
	}
	wantError(t, "refresh", err, session.ErrRefreshReused)
}

func TestAccessTokenDoesNotOutliveTheSession(t *testing.T) {
	b := newBench(t)
	for end, change := range map[string]func(*session.Config){
		"absolute": func(c *session.Config) { c.SessionMax = 5 * time.Minute },
		"idle":     func(c *session.Config) { c.RefreshTTL = 5 * time.Minute },
		"fixed":    func(c *session.Config) { c.RefreshTTL, c.FixedEnd = 5*time.Minute, true },
	} {
		c := config()
		change(&c)
		s := b.restart(c)
		g, err := s.Login(t.Context(), session.Credentials{Username: "alice", Password: password})
		must(t, err)
		if g.ExpiresIn != 5*time.Minute || g.RefreshExpiresIn != 5*time.Minute {
			t.Errorf("%s end: expires in %v and %v", end, g.ExpiresIn, g.RefreshExpiresIn)
		}
		g, err = s.Refresh(t.Context(), g.RefreshToken, session.Caller{})
		must(t, err)
		if g.ExpiresIn != g.RefreshExpiresIn {
			t.Errorf("%s end: after a refresh expires in %v and %v", end, g.ExpiresIn, g.RefreshExpiresIn)
		}
	}
}
