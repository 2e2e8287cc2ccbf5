package commit_test

import (
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

// Beats of edges come into the log without a life: issuers remove those that are older
// than others live, and no younger one, which somebody may have read last. So does an
// issuer that was started since.
func TestOldBeatsOfEdgesAreSwept(t *testing.T) {
	for name, restart := range map[string]bool{"by who read them": false, "by who came later": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a := w.issuer("a")
				w.settled(a)
				start := time.Now()
				for range 30 {
					for range 10 {
						_, err := w.log.Append(w.ctx, events.Record{Kind: events.KindBeat, StandIn: true, Data: []byte(`{"by":"edge"}`), TTL: time.Hour})
						if err != nil {
							t.Fatal(err)
						}
					}
					w.sleep(20 * time.Second)
				}
				if restart {
					a.kill()
					a = w.issuer("b")
					w.settled(a)
				}
				for range 3 {
					w.sleep(8 * time.Minute)
					old, young := 0, 0
					for m, err := range w.log.Follow(w.ctx, events.Cursor{}) {
						if err != nil {
							t.Fatal(err)
						}
						if age := time.Since(m.Time); m.StandIn && age > 18*time.Minute {
							old++
						} else if m.StandIn && age < 14*time.Minute {
							young++
						}
						if m.Pending == 0 {
							break
						}
					}
					all := int((10*time.Minute - max(0, min(10*time.Minute, time.Since(start)-14*time.Minute))) / (2 * time.Second))
					if old > 0 || young < all-30 {
						t.Errorf("after %s: %d old ones, and %d of some %d young ones", time.Since(start), old, young, all)
					}
				}
			})
		})
	}
}
