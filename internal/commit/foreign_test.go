package commit_test

import (
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

// A cutoff of another issuer's tokens, which carry times by that issuer's clock, is not
// said to be committed while the store's clock, which stamps it, is behind ours. Cutoffs
// of our own tokens go by stamps of the same clock.
func TestForeignCutoffByAStoreThatIsBehind(t *testing.T) {
	for clock, ofTheirs := range map[time.Duration]bool{0: true, -5 * time.Minute: false} {
		t.Run(clock.String(), func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.store.SetClock(clock)
				a := w.issuer("a")
				w.settled(a)
				r := cutoff("u", "ours")
				for _, c := range []struct {
					issuer string
					want   bool
				}{{"", true}, {"theirs", ofTheirs}} {
					r.Issuer, r.TTLMillis = c.issuer, time.Hour.Milliseconds()
					got, err := a.Commit(w.ctx, r)
					if err != nil || got.Committed != c.want {
						t.Errorf("issuer %q: committed %t, %v, want %t", c.issuer, got.Committed, err, c.want)
					}
				}
			})
		})
	}
}

// A key is revoked for as long as anybody may publish it.
func TestRevokedKeyIsKept(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a")
		w.settled(a)
		got, err := a.Revoke(w.ctx, events.ScopeKey, "k", "", "")
		if err != nil || got.Held.TTL() < events.MaxTTL {
			t.Errorf("kept for %s, %v", got.Held.TTL(), err)
		}
	})
}
