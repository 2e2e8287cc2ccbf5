package cache

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// The model is a plain map that forgets nothing. Whatever is added, evicted,
// swept and slept, a live revoked id is never Clear, memory stays bounded,
// and other ids are nearly always Clear.
func TestCopyAgainstAMap(t *testing.T) {
	for entries, ids := range map[int]int{1: 1000, 10: 1000, 1000: 100_000, 5000: 20_000} {
		synctest.Test(t, func(t *testing.T) { againstAMap(t, entries, ids) })
	}
}

func againstAMap(t *testing.T, entries, ids int) {
	rng := rand.New(rand.NewPCG(5, uint64(entries)))
	c, until := newCopy(t, entries, Monotonic()), map[int]time.Duration{}
	misses, unknown := 0, 0
	for range 2 * ids {
		id := rng.IntN(2 * ids) // the upper half is never revoked
		switch op := rng.IntN(1000); {
		case op < 300:
			id %= ids
			ttl := time.Duration(rng.Int64N(int64(20 * time.Minute)))
			c.Add(testKey(id), ttl)
			until[id] = max(until[id], c.Now()+ttl)
		case op < 302:
			time.Sleep(time.Duration(rng.Int64N(int64(5 * time.Second))))
			c.Sweep()
		default:
			c.Renew(c.Now())
			answer, live := c.Lookup(testKey(id)), until[id] > c.Now()
			if live && answer == Clear {
				t.Fatalf("%d entries: id %d is revoked until %v, Clear at %v", entries, id, until[id], c.Now())
			}
			if id >= ids {
				misses++
				unknown += int(Clear - answer) // Revoked would be negative and fail below
			}
		}
	}
	if c.Entries() > entries+maxShards {
		t.Errorf("%d entries, want at most %d", c.Entries(), entries)
	}
	if c.Overflowed() == 0 || c.Evictions() < c.Overflowed() {
		t.Errorf("%d entries: nothing overflowed, the test shows nothing", entries)
	}
	if unknown < 0 || unknown > misses/50 {
		t.Errorf("%d entries: %d of %d good ids were not Clear", entries, unknown, misses)
	}
}

func TestPresentedIdsStay(t *testing.T) {
	c := newCopy(t, 1000, Monotonic())
	for i := range 200 {
		c.Add(testKey(i), time.Hour)
		wantAnswer(t, c, Revoked, testKey(i))
	}
	for i := range 50_000 {
		c.Add(testKey(1000+i), time.Hour)
	}
	c.Renew(c.Now())
	for i := range 200 {
		wantAnswer(t, c, Revoked, testKey(i))
	}
	if n := c.Overflowed(); n < 48_000 {
		t.Errorf("%d overflowed, want about 49,200", n)
	}
}

func TestEvictedIdComesBack(t *testing.T) {
	c := newCopy(t, 10, Monotonic())
	c.Renew(c.Now())
	for i := range 100 {
		c.Add(testKey(i), time.Hour)
	}
	wantAnswer(t, c, Unknown, testKey(0))
	c.Add(testKey(0), time.Hour)
	wantAnswer(t, c, Revoked, testKey(0))
}

// An id evicted with a long life and added again with a short one is still
// covered after the short one.
func TestEvictionKeepsTheLongerLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCopy(t, 1, Monotonic())
		c.Add(testKey(0), time.Hour)
		c.Add(testKey(1), time.Hour)
		c.Add(testKey(0), time.Second)
		time.Sleep(time.Minute)
		c.Renew(c.Now())
		wantAnswer(t, c, Unknown, testKey(0))
	})
}

func TestExpiredIdsMakeRoomFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCopy(t, 100, Monotonic())
		for i := range 100 {
			c.Add(testKey(i), time.Duration(1+i%2*1000)*time.Second)
		}
		time.Sleep(time.Second)
		for i := range 50 {
			c.Add(testKey(1000+i), time.Hour)
		}
		if n := c.Overflowed(); n != 0 {
			t.Errorf("%d ids overflowed while there were expired ones", n)
		}
	})
}

// The set, not its fullest shard, decides when to evict.
func TestShardsShareTheCapacity(t *testing.T) {
	const entries = 200_000
	c := newCopy(t, entries, Monotonic())
	if n := len(c.revoked.shards); n != maxShards {
		t.Fatalf("%d shards", n)
	}
	for i := range entries {
		c.Add(testKey(i), time.Hour)
	}
	if n := c.Overflowed(); n != 0 || c.Entries() != entries {
		t.Errorf("%d entries, %d overflowed", c.Entries(), n)
	}
	for i := range 1000 {
		c.Add(testKey(entries+i), time.Hour)
	}
	if n := c.Overflowed(); n < 900 || c.Entries() > entries+maxShards {
		t.Errorf("%d entries, %d overflowed", c.Entries(), n)
	}
}
