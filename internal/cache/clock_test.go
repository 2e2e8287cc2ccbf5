package cache

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

func TestMonotonicFollowsTheFakeClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		elapsed := Monotonic()
		time.Sleep(3 * time.Second)
		if got := elapsed(); got != 3*time.Second {
			t.Errorf("got %v, want 3s", got)
		}
	})
}

func TestBoottimeGoesForward(t *testing.T) {
	elapsed, start := Boottime(), time.Now()
	first := elapsed()
	for last := first; time.Since(start) < 5*time.Millisecond; {
		now := elapsed()
		if now < last-time.Millisecond {
			t.Fatalf("went back from %v to %v", last, now)
		}
		last = now
	}
	if got := elapsed() - first; got < 4*time.Millisecond {
		t.Errorf("only %v passed in 5ms", got)
	}
}

func TestExpiryRoundsUpAndSaturates(t *testing.T) {
	for _, c := range []struct {
		now, ttl time.Duration
		want     seconds
	}{
		{0, 1, 1},
		{0, time.Second, 1},
		{time.Nanosecond, time.Second, 2},
		{time.Hour, math.MaxInt64, math.MaxUint32},
		{0, math.MaxInt64 - 1, math.MaxUint32},
	} {
		if got := expiry(c.now, c.ttl); got != c.want {
			t.Errorf("expiry(%v, %v) = %d, want %d", c.now, c.ttl, got, c.want)
		}
	}
	if s := seconds(2); !s.after(2*time.Second-1) || s.after(2*time.Second) {
		t.Error("an entry must end exactly at its expiry")
	}
	if !seconds(math.MaxUint32).after(math.MaxInt64) {
		t.Error("the largest expiry must never come")
	}
}
