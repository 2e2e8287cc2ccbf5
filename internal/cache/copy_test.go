package cache

import (
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// newCopy returns a copy on the bubble's clock, or any clock.
func newCopy(t testing.TB, entries int, elapsed Elapsed) *Copy {
	t.Helper()
	c, err := New(Config{Entries: entries, Staleness: bound, Elapsed: elapsed})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func wantAnswer(t *testing.T, c *Copy, want Answer, keys ...Key) {
	t.Helper()
	if got := c.Lookup(keys...); got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestZeroAnswerIsUnknown(t *testing.T) {
	if a := Answer(0); a != Unknown || a.String() != "unknown" {
		t.Errorf("the zero answer is %v", a)
	}
}

func TestLookupNeedsFreshness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCopy(t, 100, Monotonic())
		wantAnswer(t, c, Unknown, testKey(1))
		c.Renew(c.Now())
		wantAnswer(t, c, Clear, testKey(1))
		time.Sleep(bound)
		wantAnswer(t, c, Clear, testKey(1))
		time.Sleep(time.Nanosecond)
		wantAnswer(t, c, Unknown, testKey(1))
		c.Renew(c.Now())
		wantAnswer(t, c, Clear, testKey(1))
		asked := c.Now()
		c.Lose()
		c.Renew(asked)
		wantAnswer(t, c, Unknown, testKey(1))
		wantAnswer(t, c, Unknown)
	})
}

func TestRevokedIsFinalInEveryState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCopy(t, 100, Monotonic())
		c.Add(testKey(1), time.Hour)
		wantAnswer(t, c, Revoked, testKey(1))
		c.Renew(c.Now())
		wantAnswer(t, c, Revoked, testKey(2), testKey(1))
		c.Doubt(time.Hour)
		wantAnswer(t, c, Revoked, testKey(1), testKey(2))
		c.Lose()
		wantAnswer(t, c, Revoked, testKey(1))
		time.Sleep(2 * bound)
		wantAnswer(t, c, Revoked, testKey(1))
	})
}

func TestEntriesExpireAndMergeByTheLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCopy(t, 100, Monotonic())
		c.Add(testKey(1), 10*time.Second)
		c.Add(testKey(1), 20*time.Second)
		c.Add(testKey(1), 5*time.Second)
		c.Add(testKey(2), 5*time.Second)
		c.Add(testKey(3), 0)
		c.Add(testKey(4), math.MaxInt64)
		time.Sleep(20*time.Second - 1)
		c.Renew(c.Now())
		wantAnswer(t, c, Revoked, testKey(1))
		wantAnswer(t, c, Clear, testKey(2))
		wantAnswer(t, c, Clear, testKey(3))
		time.Sleep(time.Nanosecond)
		wantAnswer(t, c, Clear, testKey(1))
		c.Sweep()
		if n := c.Entries(); n != 1 {
			t.Errorf("%d entries after the sweep, want the one that never expires", n)
		}
		wantAnswer(t, c, Revoked, testKey(4))
	})
}

func TestDoubtMakesEveryMissUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCopy(t, 100, Monotonic())
		c.Doubt(time.Minute)
		c.Doubt(time.Second)
		time.Sleep(time.Minute - 1)
		c.Renew(c.Now())
		wantAnswer(t, c, Unknown, testKey(1))
		time.Sleep(time.Nanosecond)
		wantAnswer(t, c, Clear, testKey(1))
		c.Doubt(math.MaxInt64)
		wantAnswer(t, c, Unknown, testKey(1))
	})
}

// A clock that acts when it is read shows on which side of the search that is.
func TestClockIsReadAfterTheSearch(t *testing.T) {
	var now time.Duration
	onRead := func() {}
	c := newCopy(t, 100, func() time.Duration { onRead(); return now })
	c.Renew(0)
	onRead = func() { c.revoked.add(testKey(1), Cutoff{}, 100, 0) }
	if got := c.Lookup(testKey(1)); got == Revoked {
		t.Error("the search came after the clock was read")
	}
	onRead = func() { now = bound + 1 } // stopped between the two
	wantAnswer(t, c, Unknown, testKey(2))
}

func TestStateAndAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCopy(t, 100, Monotonic())
		if _, ok := c.Age(); ok || c.State() != Syncing {
			t.Errorf("a new copy is %v", c.State())
		}
		c.Renew(c.Now())
		time.Sleep(time.Second)
		if age, ok := c.Age(); !ok || age != time.Second || c.State() != Fresh {
			t.Errorf("age %v, %v, state %v", age, ok, c.State())
		}
		c.Lose()
		if _, ok := c.Age(); ok || c.State() != Stale {
			t.Errorf("state %v after a loss", c.State())
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	good := Config{Entries: 1, Staleness: 1, Elapsed: Monotonic()}
	for _, change := range []func(*Config){
		func(c *Config) { c.Entries = 0 }, func(c *Config) { c.Entries = MaxEntries + 1 },
		func(c *Config) { c.Staleness = 0 }, func(c *Config) { c.Elapsed = nil },
	} {
		cfg := good
		change(&cfg)
		if _, err := New(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	c := newCopy(t, 1000, Boottime())
	for i := range 5000 { // with overflow
		c.Add(testKey(i), time.Hour)
	}
	c.Renew(c.Now())
	c.Lookup(testKey(4999))
	jti, sid := testKey(1<<40), testKey(4999)
	if n := testing.AllocsPerRun(1000, func() { c.Lookup(jti, sid) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
