package session_test

import (
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/session"
)

func TestBoundToItsDevice(t *testing.T) {
	b := newBench(t)
	rules := config()
	rules.BindDevice = true
	s := b.restart(rules)
	_, err := s.Login(t.Context(), session.Credentials{Username: "alice", Password: password})
	wantError(t, "login without a device id", err, session.ErrBadDevice)
	g, err := loginOn(t, s, "web")
	must(t, err)
	_, err = s.Refresh(t.Context(), g.RefreshToken, session.Caller{IP: "203.0.113.9", DeviceID: "stolen"})
	wantError(t, "another device", err, session.ErrRefreshInvalid)
	if e := b.trail.last(); e.Kind != session.EventDeviceMismatch || e.SessionID != g.SessionID || e.UserID != "u-alice" ||
		e.IP != "203.0.113.9" || e.Reason != "device_mismatch" {
		t.Errorf("trail: %+v", e)
	}
	if got := b.ends.reasons(t); len(got) != 0 {
		t.Errorf("revocations: %v", got)
	}
	_, err = s.Refresh(t.Context(), g.RefreshToken, session.Caller{DeviceID: "d-web"})
	must(t, err)
}

// A login that could open no session is refused before its password is looked at:
// it is no guess, costs no hashing, and learns nothing of the account.
func TestDeviceIsCheckedBeforeThePassword(t *testing.T) {
	b := newBench(t)
	checks := &counting{Authenticator: b.parts.Users}
	b.parts.Users = checks
	rules := config()
	rules.BindDevice = true
	s := session.NewService(b.parts, rules)
	for name, c := range map[string]session.Credentials{
		"no device id": {Username: "alice", Password: "wrong"},
		"unknown kind": {Username: "alice", Password: "wrong", Device: session.Device{ID: "d", Kind: "toaster"}},
	} {
		_, err := s.Login(t.Context(), c)
		wantError(t, name, err, session.ErrBadDevice)
	}
	if n := checks.checked.Load(); n != 0 {
		t.Errorf("%d passwords were checked", n)
	}
}

func TestSlidingOrFixedEnd(t *testing.T) {
	b := newBench(t)
	rules := config()
	rules.FixedEnd = true
	fixed, g := b.restart(rules), b.login(t, "alice")
	for start := time.Now(); g.RefreshExpiresIn == 2*time.Hour; { // until the store's clock has moved
		if time.Since(start) > 10*time.Second {
			t.Fatal("a refresh moved the fixed end")
		}
		var err error
		g, err = fixed.Refresh(t.Context(), g.RefreshToken, session.Caller{})
		must(t, err)
	}
	g, err := b.Refresh(t.Context(), g.RefreshToken, session.Caller{})
	must(t, err)
	if g.RefreshExpiresIn != 2*time.Hour {
		t.Errorf("a sliding session ends in %v", g.RefreshExpiresIn)
	}
}
