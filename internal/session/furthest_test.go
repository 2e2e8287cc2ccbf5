package session_test

import (
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/session"
)

// The store is told for how long the tokens are good that a login and a refresh
// hand out, so that what is revoked outlives them.
func TestStoreIsToldWhatIsHandedOut(t *testing.T) {
	b := newBench(t)
	lives := func(least time.Duration) {
		t.Helper()
		rev, err := b.store.Revoke(t.Context(), b.ends.Draft(events.ScopeToken, "jti", "", ""))
		must(t, err)
		if rev.TTL() < least {
			t.Errorf("a revocation lives for %v, want more than %v", rev.TTL(), least)
		}
	}
	long := config()
	long.AccessTTL = 5 * time.Hour
	b.Service = b.restart(long)
	g := b.login(t, "alice")
	lives(5 * time.Hour)
	long.AccessTTL = 9 * time.Hour
	_, err := b.restart(long).Refresh(t.Context(), g.RefreshToken, session.Caller{})
	must(t, err)
	lives(9 * time.Hour)
}
