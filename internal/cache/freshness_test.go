package cache

import (
	"testing"
	"time"
)

const bound = 5 * time.Second

func TestFreshnessStates(t *testing.T) {
	var f Freshness
	want := func(now time.Duration, state State) {
		t.Helper()
		if got := f.State(now, bound); got != state {
			t.Errorf("at %v: %v, want %v", now, got, state)
		}
	}
	want(0, Syncing)
	want(time.Hour, Syncing)
	f.Renew(0)
	want(0, Fresh)
	want(bound, Fresh)
	want(bound+1, Stale)
	f.Renew(10 * time.Second)
	want(15*time.Second, Fresh)
	want(15*time.Second+1, Stale)
}

func TestFreshnessOnlyMovesForward(t *testing.T) {
	var f Freshness
	f.Renew(10 * time.Second)
	f.Renew(2 * time.Second)
	if age, ok := f.Age(12 * time.Second); !ok || age != 2*time.Second {
		t.Errorf("age %v, %v, want 2s", age, ok)
	}
	if age, ok := f.Age(9 * time.Second); !ok || age != 0 {
		t.Errorf("age %v, %v for a reading that was overtaken, want 0", age, ok)
	}
}

func TestLostFreshnessNeedsANewQuestion(t *testing.T) {
	var f Freshness
	f.Renew(1 * time.Second)
	f.Lose(3 * time.Second)
	for _, late := range []time.Duration{2 * time.Second, 3 * time.Second} {
		f.Renew(late) // answers to questions from before the loss
		if f.State(3*time.Second, bound) == Fresh {
			t.Fatalf("a question of %v renewed after a loss at 3s", late)
		}
	}
	if s := f.State(3*time.Second, bound); s != Stale {
		t.Errorf("state %v, want stale", s)
	}
	f.Renew(3*time.Second + 1)
	if f.State(4*time.Second, bound) != Fresh {
		t.Error("a new question did not renew")
	}
}

func TestLosingWhileSyncing(t *testing.T) {
	var f Freshness
	f.Lose(3 * time.Second)
	f.Renew(2 * time.Second)
	if s := f.State(3*time.Second, bound); s != Syncing {
		t.Errorf("state %v, want syncing", s)
	}
}
