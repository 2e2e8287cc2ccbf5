package commit_test

import (
	"testing"
	"time"
)

// A NATS server expires revocations by its own wall clock, and describes itself by
// the same clock: a count that goes by it misses nothing. The clock leaps alone, by
// what a change of the leader brings, and far ahead and back again.
func TestLeapOfTheLogsClock(t *testing.T) {
	for name, c := range map[string]struct {
		age   time.Duration // of the revocation when it leaps
		clock []time.Duration
		every time.Duration // between two positions of the clock
	}{
		"ahead":                              {age: 10 * time.Second, clock: []time.Duration{40 * time.Minute}},
		"to a leader that is ahead":          {age: 11 * time.Minute, clock: []time.Duration{20 * time.Minute}},
		"far ahead and back":                 {age: 10 * time.Second, clock: []time.Duration{3 * time.Hour, 0}, every: 3 * time.Second},
		"ahead and back between two looks":   {age: 10 * time.Second, clock: []time.Duration{3 * time.Hour, 0}, every: 300 * time.Millisecond},
		"at twice the speed":                 {age: 10 * time.Second, clock: steps(200, 6*time.Second), every: 6 * time.Second},
		"ahead, and what is left goes early": {age: 10 * time.Second, clock: []time.Duration{20 * time.Minute}, every: 11 * time.Minute},
		"back":                               {age: 11 * time.Minute, clock: []time.Duration{-40 * time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a, b := w.issuer("a"), w.issuer("b")
				w.settled(a, b)
				old := w.edge("old")
				sids := w.mustCommit(a, 3)
				w.sleep(c.age)
				for _, off := range c.clock {
					w.log.SetClock(off)
					w.sleep(c.every)
				}
				w.sleep(30 * time.Second)
				late := w.edge("late")
				w.sleep(10 * time.Second)
				if !old.fresh() || !late.fresh() {
					t.Errorf("fresh %t, started late %t, want both", old.fresh(), late.fresh())
				}
				for _, sid := range sids {
					if old.accepts(sid) || late.accepts(sid) {
						t.Errorf("accepts %s: old edge %t, late edge %t", sid, old.accepts(sid), late.accepts(sid))
					}
				}
			})
		})
	}
}

func steps(n int, by time.Duration) (clock []time.Duration) {
	for i := range n {
		clock = append(clock, time.Duration(i)*by)
	}
	return clock
}

// A clock that is being set right slowly is no leap, however far that goes: nobody
// reads the log anew.
func TestSlowClockIsNoLeap(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a")
		w.settled(a)
		lineage := a.keeper.Position().Lineage
		for n := range 600 {
			w.log.SetClock(time.Duration(n) * 60 * time.Millisecond) // 0.15%
			w.sleep(40 * time.Second)
			if !a.keeper.Answering() {
				t.Fatalf("does not answer after %d looks", n)
			}
		}
		if now := a.keeper.Position().Lineage; now != lineage {
			t.Errorf("read the log anew %d times", now-lineage)
		}
	})
}

// A relay leaves in the outbox what the log has acknowledged and lost.
func TestRelayReadsWhatItPublished(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a")
		w.settled(a)
		w.log.SetDown(true)
		if ok, err := w.revoke(a, "sid"); ok || err != nil {
			t.Fatal(ok, err)
		}
		w.log.SetStalled(true) // it takes what is published, and nobody can read it
		w.log.SetDown(false)
		w.sleep(10 * time.Second)
		if w.store.Unsettled() != 1 {
			t.Fatal("settled before anybody has read it")
		}
		w.log.purge()
		w.log.SetStalled(false)
		w.settled(a)
		w.wantBoth("sid")
	})
}

// While the store is away a log cannot be renewed. An issuer that tries again does not
// append everything again.
func TestRenewalsThatFailDoNotFillTheLog(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a")
		w.settled(a)
		sids := w.mustCommit(a, 20)
		w.store.SetDown(true)
		w.log.SetClock(2 * time.Minute)
		w.sleep(3 * time.Minute)
		s, err := w.log.State(w.ctx)
		if err != nil || s.Revocations > 60 {
			t.Errorf("the log holds %d messages of 20 revocations, %v", s.Revocations, err)
		}
		w.store.SetDown(false)
		w.settled(a)
		w.sleep(3 * time.Minute)
		if s, err = w.log.State(w.ctx); err != nil || s.Revocations > 40 {
			t.Errorf("the log holds %d messages of 20 revocations, %v", s.Revocations, err)
		}
		w.wantBoth(sids...)
	})
}

// An issuer does not go by the word of an edge: what it admits, it answers for.
func TestIssuerDoesNotAdmitByTheWordOfAnEdge(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a")
		w.settled(a)
		e := w.edge("e")
		w.within(20*time.Second, "fresh", e.fresh)
		a.kill()
		w.store.SetDown(true)
		w.sleep(30 * time.Second)
		if !e.fresh() {
			t.Fatal("the edge does not stand in")
		}
		b := w.issuer("b")
		w.sleep(20 * time.Second)
		if b.keeper.Answering() {
			t.Error("admitted by the word of an edge")
		}
		if !e.fresh() {
			t.Error("the edge does not stand in while an issuer is not whole")
		}
	})
}
