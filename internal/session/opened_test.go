package session_test

import (
	"testing"

	"github.com/curfew-auth/curfew/internal/session"
)

// A backend's word opens a session.
func TestOpen(t *testing.T) {
	b := newBench(t)
	with := session.Credentials{IP: "192.0.2.7", UserAgent: "test/1", Device: session.Device{ID: "d1", Kind: "web"}}
	g, err := b.Open(t.Context(), session.User{ID: "u1", Roles: []string{"r"}, Scope: "read write"}, with)
	must(t, err)
	c, err := b.verify.Verify(t.Context(), g.AccessToken)
	must(t, err)
	if c.Subject != "u1" || c.Tenant != "default" || c.Scope != "read write" || len(c.Roles) != 1 || c.Device != "d1" {
		t.Errorf("claims: %+v", c)
	}
	e := b.trail.last()
	if e.Kind != session.EventLogin || e.IP != "192.0.2.7" || e.UserID != "u1" || e.SessionID != g.SessionID {
		t.Errorf("trail: %+v", e)
	}
	second, err := b.Refresh(t.Context(), g.RefreshToken, session.Caller{})
	must(t, err)
	if c, err := b.verify.Verify(t.Context(), second.AccessToken); err != nil || c.Scope != "read write" {
		t.Errorf("after a refresh: %+v, %v", c, err)
	}
	events := len(b.trail.events)
	for _, bad := range []session.User{{}, {ID: "u1", Scope: "a  b"}, {ID: "u\n"}, {ID: "u1", Roles: []string{""}}} {
		_, err := b.Open(t.Context(), bad, with)
		wantError(t, "a bad user", err, session.ErrBadUser)
	}
	_, err = b.Open(t.Context(), session.User{ID: "u1"}, session.Credentials{Device: session.Device{Kind: "toaster"}})
	wantError(t, "a bad device", err, session.ErrBadDevice)
	if len(b.trail.events) != events {
		t.Error("a refusal is in the trail as if a session had been opened")
	}
}
