package cache

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	maxShards = 64
	// shardFill is the fewest entries for which another shard is worth it.
	shardFill = 1024
)

// revoked is the set of revoked ids: at most capacity of them exactly, the
// rest in the overflow filter. Room is made in the shard that needs it, so each
// further shard may exceed the capacity by one.
type revoked struct {
	shards   []shard
	shift    uint // the shard is chosen by the key's topmost bits
	capacity int64
	cutoffs  bool // the ids stand for subjects of cutoffs
	count    atomic.Int64
	overflow *overflow
	evicted  atomic.Uint64
	steps
}

func newRevoked(entries int, cutoffs bool) (*revoked, error) {
	n := 1
	for n < maxShards && entries >= 2*n*shardFill {
		n *= 2
	}
	r := &revoked{
		shards:   make([]shard, n),
		shift:    uint(64 - bits.Len(uint(n-1))),
		capacity: int64(entries),
		cutoffs:  cutoffs,
		overflow: newOverflow(entries),
	}
	// A hash does not fill shards evenly. Eight standard deviations of room
	// let the whole set reach its capacity before a single shard does.
	limit := entries / n
	if n > 1 {
		limit += 8 * int(math.Sqrt(float64(limit)))
	}
	for i := range r.shards {
		if err := r.shards[i].init(r, limit); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *revoked) shard(k Key) *shard {
	_, hi := k.halves()
	return &r.shards[hi>>r.shift]
}

func (r *revoked) add(k Key, c Cutoff, exp seconds, now time.Duration) {
	r.shard(k).add(k, c, exp, now)
}

// lookup returns the expiry and the cutoffs the id is held with, nothing if it is
// not, and whether the id may be among the evicted. The order matters: an id
// moves from the table to the filter, so it is searched in that order.
func (r *revoked) lookup(k Key) (exp seconds, c Cutoff, evicted bool) {
	r.at("table")
	exp, c, found := r.shard(k).find(k)
	if !found {
		exp, c = 0, Cutoff{}
	}
	r.at("filter")
	return exp, c, r.overflow.has(k.halves())
}

// empty reports whether no lookup can find anything. The order is that of
// lookup, for the same reason.
func (r *revoked) empty() bool {
	r.at("empty")
	if r.count.Load() != 0 {
		return false
	}
	r.at("empty filter")
	return r.overflow.live.Load() == 0
}

func (r *revoked) sweep(now time.Duration) {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		s.sweep(now)
		s.mu.Unlock()
	}
	r.overflow.sweep(now)
}
