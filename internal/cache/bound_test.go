package cache

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

func TestLimitLowersTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCopy(t, 1, Monotonic())
		want := func(b time.Duration) {
			t.Helper()
			if got := c.Staleness(); got != b {
				t.Errorf("%v, want %v", got, b)
			}
		}
		want(bound)
		c.Limit(2 * bound)
		want(bound)
		c.Limit(0)
		c.Limit(-1)
		want(bound)
		c.Limit(time.Second)
		c.Renew(c.Now())
		time.Sleep(time.Second)
		wantAnswer(t, c, Clear, testKey(1))
		time.Sleep(time.Nanosecond)
		wantAnswer(t, c, Unknown, testKey(1))
		if c.State() != Stale {
			t.Errorf("state %v", c.State())
		}
	})
}

// Two issuers that differ answer in turn: the smaller bound holds. It is given up
// once nobody has told it for a minute.
func TestSmallerBoundHoldsWhileItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCopy(t, 1, Monotonic())
		for range 1000 {
			c.Limit(time.Second)
			time.Sleep(limitHold / 2)
			c.Limit(3 * time.Second)
			if c.Staleness() != time.Second {
				t.Fatal("the larger bound was taken")
			}
			time.Sleep(limitHold / 2)
		}
		time.Sleep(time.Nanosecond)
		if c.Limit(3 * time.Second); c.Staleness() != 3*time.Second {
			t.Error("the smaller bound holds for ever")
		}
		if c.Limit(2 * time.Second); c.Staleness() != 2*time.Second {
			t.Error("a smaller bound does not count at once")
		}
	})
}

func TestLimitDoesNotAllocate(t *testing.T) {
	c := newCopy(t, 1, Monotonic())
	if n := testing.AllocsPerRun(100, func() { c.Limit(time.Second); c.Staleness() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Numbers at the ends of their types saturate: nothing wraps, nothing vanishes.
func TestNothingOverflows(t *testing.T) {
	ends := []time.Duration{
		1, time.Second - 1, time.Second, time.Hour, 100 * 365 * 24 * time.Hour, 136 * 365 * 24 * time.Hour, 140 * 365 * 24 * time.Hour,
		1 << 61, 1 << 62, math.MaxInt64 - time.Hour, math.MaxInt64 - time.Second, math.MaxInt64 - 1, math.MaxInt64,
	}
	for _, start := range []time.Duration{0, 1, time.Second - 1, time.Hour, 1 << 61, math.MaxInt64 - 2*time.Hour} {
		for _, ttl := range ends {
			now := start
			if end := start + min(ttl-1, math.MaxInt64-start); !expiry(start, ttl).after(end) {
				t.Errorf("at %v for %v: gone at %v", start, ttl, end)
			}
			c := newCopy(t, 1, func() time.Duration { return now })
			c.Add(testKey(0), ttl)
			c.Add(testKey(1), ttl) // pushes the first one out
			c.Cut(testKey(5), Cutoff{End: 9}, ttl)
			c.CutWide(testKey(6), Cutoff{End: 9}, ttl)
			c.Doubt(ttl)
			now += min(ttl-1, math.MaxInt64-start, time.Hour)
			c.Sweep()
			c.Renew(now)
			wantAnswer(t, c, Revoked, testKey(1))
			wantAnswer(t, c, Unknown, testKey(0))
			wantCheck(t, c, Revoked, &Token{User: testKey(5), Stamp: 9})
			wantCheck(t, c, Revoked, &Token{Tenant: testKey(6), Stamp: 9})
			if !c.Doubtful() {
				t.Errorf("at %v for %v: the doubt is gone", start, ttl)
			}
			if t.Failed() {
				t.Fatalf("added at %v for %v, looked at %v later", start, ttl, now-start)
			}
		}
	}
	c, err := New(Config{Entries: 1, Staleness: math.MaxInt64, Elapsed: func() time.Duration { return time.Hour }})
	if err != nil {
		t.Fatal(err)
	}
	c.Renew(time.Minute)
	wantAnswer(t, c, Clear, testKey(1))
}
