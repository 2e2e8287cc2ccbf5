package commit

import "time"

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

// unfiledLife is ttlNow of what the store could not be told. An issuer that has
// never heard from it does not know what it has handed out.
func (c *Committer) unfiledLife() time.Duration {
	if c.expiry.Load() == nil {
		return longestToken + Margin
	}
	return c.ttlNow()
}

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
func (c *Committer) sawFurthest(left time.Duration) {
	for end := time.Now().Add(left); ; {
		was := c.expiry.Load()
		if was != nil && !end.After(*was) || c.expiry.CompareAndSwap(was, &end) {
			return
		}
	}
}

// furthest is for how long a token that was handed out may still be good, as far
// as this issuer knows. Time asleep is not counted: that errs on the long side.
func (c *Committer) furthest() time.Duration {
	end := c.expiry.Load()
	if end == nil {
		return 0
	}
	return max(0, time.Until(*end))
}
