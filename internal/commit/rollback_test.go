package commit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

// What the log has acknowledged and then lost before anybody read it was not
// answered with 200, and is put back all the same.
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
		if ok, err := w.revoke(a, "sid"); ok || err != nil {
			t.Fatalf("committed %t, %v, want pending: the issuer has not read it in the log", ok, err)
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

// Entries in their last minute are not counted, and so can stand in for one that
// the log has lost. Whoever reads the whole log for a store that has changed its
// identity counts fewer than the others did, and has the log made whole.
func TestMaskedLossIsFoundWhileVouchingAnew(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a")
		w.settled(a)
		for n := range 5 {
			old := events.Revocation{ID: fmt.Sprint("old-", n), Scope: events.ScopeToken, Issuer: iss, Subject: fmt.Sprint("old-", n), TTLMillis: 3 * 60_000}
			if _, err := events.Publish(w.ctx, w.log, old); err != nil {
				t.Fatal(err)
			}
		}
		sids := w.mustCommit(a, 5)
		w.sleep(2*time.Minute + 10*time.Second)
		w.log.drop(sids[2])
		w.sleep(2 * staleness)
		if !a.keeper.Answering() || w.log.holds(sids[2]) {
			t.Fatal("noticed by itself: this shows nothing")
		}
		w.store.Failover(0) // it has lost nothing
		w.within(20*time.Second, "the log holds it again", func() bool { return w.log.holds(sids[2]) })
		w.settled(a)
		w.within(20*time.Second, "vouched", w.vouched)
		w.wantBoth(sids...)
	})
}
