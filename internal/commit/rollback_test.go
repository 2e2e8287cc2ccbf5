package commit_test

import (
	"testing"
	"time"
)

// What the log has acknowledged and then lost before anybody read it.
func TestAcknowledgedAndRolledBackUnread(t *testing.T) {
	inWorld(t, func(w *world) {
		a, e := w.issuer("a"), w.edge("e")
		w.settled(a)
		w.mustCommit(a, 3)
		w.sleep(5 * time.Second)
		s, err := w.log.State(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		w.log.SetStalled(true)
		if ok, err := w.revoke(a, "sid"); !ok || err != nil {
			t.Fatal(ok, err)
		}
		w.sleep(10 * time.Second)
		w.log.rollback(s.LastSeq)
		w.log.SetStalled(false)
		w.sleep(20 * time.Second)
		if e.accepts("sid") || !w.log.holds("sid") {
			t.Fatalf("accepted %t, fresh %t, in the log %t, in the store %t", e.accepts("sid"), e.fresh(), w.log.holds("sid"), w.store.Holds(key("sid")))
		}
	})
}
