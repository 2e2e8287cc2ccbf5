package commit_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/internal/commit"
)

// The store's clock leaps, and it drops what it should still hold. It gets that
// back from the log, and is not vouched for before.
func TestStoreWhoseClockLeapsIsFilledAnew(t *testing.T) {
	for name, c := range map[string]struct {
		leap  time.Duration
		times int
	}{
		"at once":       {12 * time.Minute, 1},
		"by days":       {72 * time.Hour, 1},
		"in steps":      {45 * time.Second, 16},
		"after lagging": {-20 * time.Second, 40},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a, b := w.issuer("a"), w.issuer("b")
				w.settled(a, b)
				sids := w.mustCommit(a, 3)
				w.sleep(10 * time.Minute)
				skew := storeSkew
				for range c.times {
					skew += c.leap
					w.store.SetClock(skew)
					w.sleep(15 * time.Second)
				}
				for skew < storeSkew { // it catches up, a little at a time
					skew = min(storeSkew, skew+50*time.Second)
					w.store.SetClock(skew)
					w.sleep(2 * time.Second)
				}
				w.sleep(4 * time.Minute)
				w.settled(a, b)
				if !w.vouched() {
					t.Fatal("not vouched for")
				}
				w.wantBoth(sids...)
			})
		})
	}
}

// Between the leap and the refill nobody believes the store, whichever issuer
// asks first.
func TestLeapIsNeverVouchedFor(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.issuer("a"), w.issuer("b")
		w.settled(a, b)
		for n := range 6 {
			sids := w.mustCommit(a, 1)
			w.sleep(25*time.Minute + time.Duration(n)*61*time.Millisecond)
			w.store.SetSlow(20 * time.Millisecond)
			w.store.SetClock(storeSkew + time.Duration(n+1)*5*time.Minute)
			for range 400 {
				w.sleep(10 * time.Millisecond)
				if w.vouched() && !w.store.Holds(key(sids[0])) {
					t.Fatal("vouched for without what the leap took")
				}
			}
			w.store.SetSlow(0)
			w.settled(a, b)
			w.sleep(time.Minute)
		}
	})
}

// Nobody was there who could have seen the clock leap.
func TestLeapThatNobodySaw(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a")
		w.settled(a)
		sids := w.mustCommit(a, 3)
		a.kill()
		w.sleep(10 * time.Second)
		w.store.SetClock(storeSkew + 31*time.Minute)
		w.log.SetStalled(true)
		b := w.issuer("b")
		w.sleep(30 * time.Second)
		if b.keeper.Vouched() || w.vouched() {
			t.Fatal("vouched for without the log")
		}
		w.log.SetStalled(false)
		w.settled(b)
		w.wantBoth(sids...)
	})
}

// The clock leaps while the log is written into the store: what was written
// before is gone again, and whoever wrote it does not vouch.
func TestLeapDuringARefill(t *testing.T) {
	inWorld(t, func(w *world) {
		var sids []string
		var wiped atomic.Bool
		var applied atomic.Int32
		a := w.issuerBy("a", accessTTL, func(op string) error {
			switch {
			case !wiped.Load():
			case op == "apply":
				if int(applied.Add(1)) == len(sids) {
					w.store.SetClock(storeSkew + 31*time.Minute)
				}
			case op == "vouch" && int(applied.Load()) >= len(sids) && !w.store.Holds(key(sids[0])):
				t.Error("vouched without what the leap took")
			}
			return nil
		})
		w.settled(a)
		sids = w.mustCommit(a, 20)
		w.store.SetSlow(20 * time.Millisecond)
		w.store.Wipe()
		wiped.Store(true)
		w.sleep(10 * time.Second)
		w.within(20*time.Second, "vouched for", w.vouched)
		w.wantBoth(sids...)
		if n := int(applied.Load()); n < 2*len(sids) {
			t.Errorf("applied %d: this shows nothing", n)
		}
	})
}

// A store that throws entries away is filled anew each time, and never believed
// without them.
func TestStoreThatEvicts(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.issuer("a"), w.issuer("b")
		w.settled(a, b)
		s := w.mustStamp()
		for range 5 {
			sids := w.mustCommit(a, 3)
			w.store.Evict(key(sids[1]))
			if w.vouched() {
				t.Fatal("vouched for without what it threw away")
			}
			w.within(20*time.Second, "vouched for", w.vouched)
			w.wantBoth(sids...)
		}
		if w.ended(s, a, b) {
			t.Error("a session has ended by that")
		}
	})
}

func TestUnguardedReplicasAreWarnedOfOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		var log bytes.Buffer
		a := commit.NewCommitter(w.store.Client(nil), w.log, iss, accessTTL, quiet)
		k := commit.NewKeeper(a, w.x, "a", staleness, slog.New(slog.NewTextHandler(&log, nil)))
		registry := prometheus.NewRegistry()
		k.Watch(registry)
		go k.Run(w.ctx)
		gauge := func(want float64) {
			t.Helper()
			w.within(20*time.Second, "the gauge has changed", func() bool { return read(t, registry, "curfew_store_replicas_unguarded") == want })
		}
		w.within(20*time.Second, "vouched for", w.vouched)
		gauge(0)
		w.store.SetUnguarded(true)
		gauge(1)
		w.sleep(time.Minute)
		w.store.SetUnguarded(false)
		gauge(0)
		if n := strings.Count(log.String(), "min-replicas-to-write"); n != 1 {
			t.Errorf("warned %d times", n)
		}
	})
}

func read(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}
