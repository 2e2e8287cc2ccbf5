package cache

import (
	"sync"
	"sync/atomic"
	"time"
)

// limitHold is for how long a bound holds against larger ones, since it was told
// last. Two issuers that differ answer in turn; the smaller bound is then told
// many times within it.
const limitHold = time.Minute

// A limited bound is the staleness bound: what is configured, or less. Every decision
// reads it, so reading takes no lock.
type limited struct {
	configured time.Duration
	effective  atomic.Int64

	mu   sync.Mutex
	told time.Duration // when the effective one was last told
}

func (b *limited) init(configured time.Duration) {
	b.configured = configured
	b.effective.Store(int64(configured))
}

// limit goes by the smaller of what is configured and what is told.
func (b *limited) limit(told, now time.Duration) {
	told = min(told, b.configured)
	b.mu.Lock()
	defer b.mu.Unlock()
	if told > time.Duration(b.effective.Load()) && now-b.told <= limitHold {
		return
	}
	b.effective.Store(int64(told))
	b.told = now
}

// Limit tells the copy the bound that an issuer goes by. From now on the smaller
// of that and the configured one holds, until a larger one is told and the
// smaller has not been for a minute. It MUST come before the Renew that rests on
// that issuer's answer. A bound of 0 or less, from who tells none, is ignored.
func (c *Copy) Limit(bound time.Duration) {
	if bound > 0 {
		c.bound.limit(bound, c.elapsed())
	}
}

// Staleness is the bound that decisions go by.
func (c *Copy) Staleness() time.Duration { return time.Duration(c.bound.effective.Load()) }
