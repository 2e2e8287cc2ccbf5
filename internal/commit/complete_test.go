package commit_test

import (
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

// file puts revocations into the store as a login does that ends old sessions.
func (w *world) file(i *issuer, sids ...string) (filed []events.Revocation) {
	w.t.Helper()
	for _, sid := range sids {
		r, err := w.store.Client(nil).Revoke(w.ctx, i.Draft(events.ScopeSession, sid, "session_limit", "curfew"))
		if err != nil {
			w.t.Fatal(err)
		}
		filed = append(filed, r)
	}
	return filed
}

func TestCompletePublishesAndSettles(t *testing.T) {
	inWorld(t, func(w *world) {
		i := w.issuer("a")
		w.settled(i)
		i.Complete(w.ctx, w.file(i, "sid-1", "sid-2"))
		w.wantBoth("sid-1", "sid-2")
		if n := w.store.Unsettled(); n != 0 {
			t.Errorf("%d unsettled", n)
		}
	})
}

// What Complete leaves is completed by any issuer, once the log is back.
func TestCompleteLeavesTheRestPending(t *testing.T) {
	for name, fault := range map[string]func(*world) (mend func()){
		"log down":         func(w *world) func() { w.log.SetDown(true); return func() { w.log.SetDown(false) } },
		"store down":       func(w *world) func() { w.store.SetDown(true); return func() { w.store.SetDown(false) } },
		"log's ack lost":   func(w *world) func() { w.log.loseAcks(1); return func() {} },
		"store's ack lost": func(w *world) func() { w.store.LoseAcks(1); return func() {} },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a, b := w.issuer("a"), w.issuer("b")
				w.settled(a, b)
				filed := w.file(a, "sid-1", "sid-2")
				mend := fault(w)
				start := time.Now()
				a.Complete(w.ctx, filed)
				if d := time.Since(start); d > 3*time.Second {
					t.Errorf("a login would have waited %s", d)
				}
				a.kill()
				mend()
				w.settled(b)
				w.wantBoth("sid-1", "sid-2")
			})
		})
	}
}
