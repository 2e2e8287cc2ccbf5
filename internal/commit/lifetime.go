package commit

import (
	"sync/atomic"
	"time"
)

const (
	// leastLife is how long the log keeps a revocation of ours at least,
	// whatever access_ttl is: by it an image of the store is too old.
	leastLife = 15*time.Minute + Margin
	// imageLife is how old an image of the store may be if its sessions are
	// to live on: every revocation that it lacks is in the log then. What
	// is about to expire does not count, since the log's own clock decides.
	imageLife = leastLife - 2*time.Minute
	// longestToken is the longest that access_ttl can be set to.
	longestToken = 24 * time.Hour
)

// ttlNow is how long a revocation made now lives. It outlives every token that
// was handed out, also by other issuers, or while access_ttl was longer. The store's
// clock dates tokens: while it is ahead of ours, edges whose clocks are right take
// them for good for as much longer.
func (c *Committer) ttlNow() time.Duration {
	return max(c.ttl, leastLife, c.furthest()+Margin) + c.storeAhead()
}

// unfiledLife is how long what the store could not be told lives: nobody can ask it
// what it has handed out by now.
func (c *Committer) unfiledLife() time.Duration { return max(c.ttlNow(), longestToken+Margin) }

// longest is for how long a token may be good that was handed out, by what this
// issuer has heard from the store, or that it hands out itself. It says so in its
// beats, for those who vouch for a store that has forgotten it. What others say is
// not said again: it would never end.
func (c *Committer) longest() time.Duration { return max(c.ttl-Margin, left(&c.expiry)) }

// storeAhead is by how much the store's clock is ahead of ours, as far as is known.
func (c *Committer) storeAhead() time.Duration {
	read := c.clock.Load()
	if read == nil {
		return 0
	}
	now := time.Now()
	return min(max(0, read.at(now).Sub(now)), maxAhead)
}

// sawFurthest learns from the store for how long a token may still be good.
func (c *Committer) sawFurthest(left time.Duration) { lasts(&c.expiry, left) }

// heardFurthest learns it from an issuer's beat, which may be some minutes old.
func (c *Committer) heardFurthest(left time.Duration) { lasts(&c.heardExpiry, left) }

func lasts(until *atomic.Pointer[time.Time], left time.Duration) {
	for end := time.Now().Add(left); ; {
		was := until.Load()
		if was != nil && !end.After(*was) || until.CompareAndSwap(was, &end) {
			return
		}
	}
}

// furthest is for how long a token that was handed out may still be good, as far
// as this issuer knows, and has heard. Time asleep is not counted: that errs on the
// long side.
func (c *Committer) furthest() time.Duration { return max(left(&c.expiry), left(&c.heardExpiry)) }

func left(until *atomic.Pointer[time.Time]) time.Duration {
	end := until.Load()
	if end == nil {
		return 0
	}
	return max(0, time.Until(*end))
}
