package cache

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	firstSlots = 64 // of a new table
	readTries  = 8  // lock-free, before a reader takes the lock
)

// A shard holds one part of the revoked ids.
//
// Readers take no lock. Writers make seq odd while they remove, and a reader
// that saw it odd or changed searches again. Inserting needs no such care, and
// a table that was outgrown is never written again: a reader still in
// it answers as if it had come before the insertion.
type shard struct {
	seq   atomic.Uint32
	table atomic.Pointer[table]
	hot   *lru.Cache[Key, struct{}] // ids that are being presented; nil for cutoffs
	set   *revoked
	limit int

	mu      sync.Mutex // held by writers; guards the fields below and the table's contents
	len     int
	hand    uint64  // where the search for a victim goes on
	soonest seconds // no entry expires before this

	_ [64]byte // no two shards on one cache line
}

func (s *shard) init(set *revoked, limit int) (err error) {
	s.set, s.limit, s.soonest = set, limit, math.MaxUint32
	s.table.Store(newTable(firstSlots, set.cutoffs))
	if set.cutoffs {
		return nil // good tokens meet them too: that must not cost a lock
	}
	s.hot, err = lru.New[Key, struct{}](max(1, limit/4))
	return err
}

// find returns the id's expiry and cutoffs, and marks the id as being presented.
func (s *shard) find(k Key) (exp seconds, c Cutoff, found bool) {
	lo, hi := k.halves()
	if exp, c, found = s.search(lo, hi); found && s.hot != nil {
		s.hot.Add(k, struct{}{})
	}
	return exp, c, found
}

func (s *shard) search(lo, hi uint64) (exp seconds, c Cutoff, found bool) {
	for range readTries {
		seq := s.seq.Load()
		exp, c, found = s.peek(lo, hi)
		if seq%2 == 0 && s.seq.Load() == seq {
			return exp, c, found
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peek(lo, hi)
}

func (s *shard) peek(lo, hi uint64) (exp seconds, c Cutoff, found bool) {
	t := s.table.Load()
	slot, found := t.find(lo, hi)
	return seconds(t.exp[slot].Load()), t.cut(slot), found
}

// add stores the key, or prolongs it and raises its cutoffs, and makes room
// first if there is none.
func (s *shard) add(k Key, c Cutoff, exp seconds, now time.Duration) {
	lo, hi := k.halves()
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.table.Load()
	if slot, found := t.find(lo, hi); found {
		t.raise(slot, c)
		t.exp[slot].Store(max(t.exp[slot].Load(), uint32(exp)))
		return
	}
	for s.full() {
		s.evict(now)
	}
	if !t.fits(s.len + 1) {
		t = t.grown()
		s.table.Store(t)
	}
	slot, _ := t.find(lo, hi)
	t.setCut(slot, c)
	t.put(slot, lo, hi, exp)
	s.len, s.soonest = s.len+1, min(s.soonest, exp)
	s.set.count.Add(1)
}

func (s *shard) full() bool {
	return s.len >= s.limit || s.len > 0 && s.set.count.Load() >= s.set.capacity
}

// evict frees at least one slot. A victim goes into the overflow filter before
// it leaves the table: a reader that misses it here must find it there.
func (s *shard) evict(now time.Duration) {
	if s.sweep(now) > 0 {
		return
	}
	slot := s.victim()
	lo, hi, exp := s.table.Load().at(slot)
	s.set.overflow.add(lo, hi, exp, now)
	s.set.evicted.Add(1)
	s.remove(slot)
}

// victim returns the next slot whose id is not being presented, or the next at
// all if every id is. There must be one.
func (s *shard) victim() uint64 {
	t := s.table.Load()
	found, slot := false, uint64(0)
	for range t.lo {
		s.hand = (s.hand + 1) & t.mask
		if !t.used(s.hand) {
			continue
		}
		if lo, hi, _ := t.at(s.hand); s.hot == nil || !s.hot.Contains(keyOf(lo, hi)) {
			return s.hand
		}
		if !found {
			found, slot = true, s.hand
		}
	}
	return slot
}

// sweep removes what has expired, and returns how many that were. It looks at
// the entries at most once a second, and only if one can have expired.
func (s *shard) sweep(now time.Duration) (removed int) {
	if s.soonest.after(now) {
		return 0
	}
	t, before := s.table.Load(), s.len
	s.soonest = math.MaxUint32
	for slot := uint64(0); slot <= t.mask; {
		_, _, exp := t.at(slot)
		switch {
		case !t.used(slot):
			slot++
		case exp.after(now):
			s.soonest = min(s.soonest, exp)
			slot++
		default:
			s.remove(slot) // another entry may have moved here: look again
		}
	}
	return before - s.len
}

func (s *shard) remove(slot uint64) {
	s.seq.Add(1)
	s.table.Load().remove(slot)
	s.seq.Add(1)
	s.len--
	s.set.count.Add(-1)
}
