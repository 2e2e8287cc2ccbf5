package session_test

import (
	"testing"

	"github.com/curfew-auth/curfew/internal/session"
)

// TestAnotherIssuer: issuers of two names may share a store, and have users of
// the same ids. Neither sees, ends or refreshes a session of the other.
func TestAnotherIssuer(t *testing.T) {
	b := newBench(t)
	g := b.login(t, "alice")
	other := config()
	other.Issuer = "https://elsewhere.test"
	elsewhere := b.restart(other)

	list, err := elsewhere.Sessions(t.Context(), "default", "u-alice")
	must(t, err)
	if len(list) != 0 {
		t.Errorf("listed elsewhere: %+v", list)
	}
	_, err = elsewhere.Get(t.Context(), g.SessionID)
	wantError(t, "get", err, session.ErrNotFound)
	_, err = elsewhere.EndOne(t.Context(), "default", "u-alice", g.SessionID)
	wantError(t, "end one", err, session.ErrNotFound)
	receipts, err := elsewhere.EndAll(t.Context(), "default", "u-alice", "")
	must(t, err)
	if len(receipts) != 0 {
		t.Errorf("ended elsewhere: %+v", receipts)
	}
	_, err = elsewhere.LogoutRefresh(t.Context(), g.RefreshToken)
	wantError(t, "logout", err, session.ErrRefreshInvalid)
	_, _, err = elsewhere.Inspect(t.Context(), g.RefreshToken)
	wantError(t, "inspect", err, session.ErrRefreshInvalid)
	for _, scope := range []string{"", "read"} {
		_, err = elsewhere.Refresh(t.Context(), g.RefreshToken, session.Caller{Scope: scope})
		wantError(t, "refresh", err, session.ErrRefreshInvalid)
	}
	if got := b.ends.reasons(t); len(got) != 0 {
		t.Errorf("revocations: %v", got)
	}
	_, err = b.Refresh(t.Context(), g.RefreshToken, session.Caller{})
	must(t, err)
}
