package cache

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// With room for one id, every Add moves the one before it from the table to the
// filter. Readers look up just that one: it must be seen in one of them.
func TestNoGapWhileEvicting(t *testing.T) {
	const ids = 30_000
	c := newCopy(t, 1, Monotonic())
	c.Add(testKey(0), time.Hour)
	var added atomic.Int64
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for id := int64(0); id < ids-1; id = added.Load() {
				c.Renew(c.Now())
				if c.Lookup(testKey(int(id))) == Clear {
					t.Errorf("revoked id %d is Clear", id)
					return
				}
			}
		})
	}
	for i := 1; i < ids; i++ {
		c.Add(testKey(i), time.Hour)
		added.Store(int64(i))
	}
	wg.Wait()
}

// The writer is stopped where it enters the filter: nothing is gone yet.
func TestVictimIsInTheFilterBeforeItLeaves(t *testing.T) {
	c := newCopy(t, 1, Monotonic())
	c.Renew(c.Now())
	c.Add(testKey(0), time.Hour)
	s := &c.revoked.shards[0]
	c.revoked.overflow.mu.Lock()
	var wg sync.WaitGroup
	wg.Go(func() { c.Add(testKey(1), time.Hour) })
	for s.mu.TryLock() {
		s.mu.Unlock()
		runtime.Gosched()
	}
	othersRun(func() {
		if c.Lookup(testKey(0)) != Revoked {
			t.Error("the victim left before it was in the filter")
		}
	})
	c.revoked.overflow.mu.Unlock()
	wg.Wait()
	wantAnswer(t, c, Unknown, testKey(0))
}

// A reader is stopped in the table by a removal under way, while its id moves
// to the filter: it must look there afterwards.
func TestTableIsSearchedBeforeTheFilter(t *testing.T) {
	c := newCopy(t, 1, Monotonic())
	c.Renew(c.Now())
	c.Add(testKey(0), time.Hour)
	s := &c.revoked.shards[0]
	var wg sync.WaitGroup
	interrupt(s, func() {
		wg.Go(func() { wantAnswer(t, c, Unknown, testKey(0)) })
		othersRun(func() {})
		lo, hi := testKey(0).halves()
		slot, _ := s.table.Load().find(lo, hi)
		c.revoked.overflow.add(lo, hi, 3600, 0)
		s.table.Load().remove(slot)
	})
	wg.Wait()
}

// What a reader sees during a removal does not count.
func TestReadersWaitForARemoval(t *testing.T) {
	c := newCopy(t, 10, Monotonic())
	c.Add(testKey(0), time.Hour)
	s := &c.revoked.shards[0]
	lo, hi := testKey(0).halves()
	var wg sync.WaitGroup
	interrupt(s, func() {
		slot, _ := s.table.Load().find(lo, hi)
		s.table.Load().setTag(slot, 0) // on its way to another slot
		wg.Go(func() { wantAnswer(t, c, Revoked, testKey(0)) })
		othersRun(func() {})
		s.table.Load().setTag(slot, tagOf(hi))
	})
	wg.Wait()
}

// interrupt runs f in the place of a removal.
func interrupt(s *shard, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq.Add(1)
	defer s.seq.Add(1)
	f()
}

// othersRun gives other goroutines long enough to come to a stop. A test that
// uses it may miss a fault if they do not, but never fails without one.
func othersRun(check func()) {
	for range 10_000 {
		check()
		runtime.Gosched()
	}
}

// Removing an entry moves its neighbours. A reader must never miss one that
// moves. All entries share one home, so each removal moves all after it.
func TestNoGapWhileEntriesMove(t *testing.T) {
	crowded := func(i int) (lo, hi uint64) { return uint64(i) << 32, uint64(i) }
	c := newCopy(t, 48, Monotonic())
	s := &c.revoked.shards[0]
	for i := range 40 {
		c.Add(keyOf(crowded(i)), time.Hour)
	}
	var wg sync.WaitGroup
	var done atomic.Bool
	wg.Go(func() {
		defer done.Store(true)
		for i := range 20_000 {
			id := i % 20
			s.mu.Lock()
			slot, _ := s.table.Load().find(crowded(id))
			s.remove(slot)
			s.mu.Unlock()
			c.Add(keyOf(crowded(id)), time.Hour)
		}
	})
	for range 2 {
		wg.Go(func() {
			for i := 0; !done.Load(); i++ {
				if _, _, found := s.search(crowded(20 + i%20)); !found {
					t.Errorf("entry %d was missed", 20+i%20)
					return
				}
			}
		})
	}
	wg.Wait()
}

// Everything at once, for the race detector.
func TestAllMethodsConcurrently(t *testing.T) {
	c := newCopy(t, 5000, Boottime())
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 5000 {
				k := testKey(w*5000 + i)
				c.Add(k, time.Duration(1+i%3)*time.Second)
				c.Renew(c.Now())
				if c.Lookup(k) == Clear {
					t.Errorf("a live id is Clear")
				}
				if i%1000 == 0 {
					c.Sweep()
					c.Lose()
					c.Doubt(time.Millisecond)
				}
				_, _, _ = c.Entries(), c.Overflowed(), c.State()
			}
		})
	}
	wg.Wait()
}
