package cache

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"
)

// An Answer is what the local copy can say about a token.
type Answer uint8

// The answers. Unknown, the safe one, is the zero value.
const (
	Unknown  Answer = iota // ask the store, or refuse
	Clear                  // nothing that is revoked concerns the token
	Revoked                // the token is revoked; final in every state
	Outdated               // it must be exchanged for a new one; as final
)

func (a Answer) String() string {
	return [...]string{"unknown", "clear", "revoked", "outdated"}[min(a, Outdated)]
}

// MaxEntries bounds [Config.Entries].
const MaxEntries = 1 << 28

// ErrConfig is wrapped by every error about a configuration.
var ErrConfig = errors.New("cache: bad configuration")

// Config is what a [Copy] needs.
type Config struct {
	// Entries is how many revoked ids are held exactly, 1 to MaxEntries, at
	// about 42 bytes each; and a quarter as many users under a cutoff.
	Entries   int
	Staleness time.Duration // the bound B, more than 0; see Copy.Limit
	Elapsed   Elapsed       // Boottime, except in tests
}

func (c Config) check() error {
	switch {
	case c.Entries < 1 || c.Entries > MaxEntries:
		return fmt.Errorf("%w: %d entries, want 1 to %d", ErrConfig, c.Entries, MaxEntries)
	case c.Staleness <= 0:
		return fmt.Errorf("%w: staleness %v, want more than 0", ErrConfig, c.Staleness)
	case c.Elapsed == nil:
		return fmt.Errorf("%w: no clock", ErrConfig)
	}
	return nil
}

// A Copy is the local copy of what is revoked.
type Copy struct {
	bound   limited
	elapsed Elapsed
	revoked *revoked
	users   *revoked // cutoffs of users
	wide    *revoked // cutoffs of tenants and of all
	fresh   Freshness
	doubt   atomic.Int64 // instant up to which no miss counts
	steps
}

// New returns an empty copy, which is syncing.
func New(cfg Config) (*Copy, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	ids, err1 := newRevoked(cfg.Entries, false)
	users, err2 := newRevoked(max(1, cfg.Entries/4), true)
	wide, err3 := newRevoked(wideEntries, true)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	c := &Copy{elapsed: cfg.Elapsed, revoked: ids, users: users, wide: wide}
	c.bound.init(cfg.Staleness)
	c.preempt()
	return c, nil
}

// Lookup says whether any of the ids is revoked by name; see [Copy.Check] for
// how. Without ids the answer is Unknown.
func (c *Copy) Lookup(keys ...Key) Answer {
	w := c.window()
	f := finding{evicted: len(keys) == 0}
	for _, k := range keys {
		exp, _, lost := c.revoked.lookup(k)
		f.revoked, f.evicted = max(f.revoked, exp), f.evicted || lost
	}
	return c.judge(w, f)
}

// Holds reports whether an id is held exactly and unexpired, so that Lookup
// says Revoked. It does not count as presenting the id.
func (c *Copy) Holds(k Key) bool {
	lo, hi := k.halves()
	exp, _, found := c.revoked.shard(k).search(lo, hi)
	return found && exp.after(c.elapsed())
}

// Add notes that an id is revoked for the ttl from now on. Entries merge by
// the later expiry; there is no removal. A ttl of 0 or less adds nothing.
func (c *Copy) Add(k Key, ttl time.Duration) {
	if ttl <= 0 {
		return
	}
	now := c.elapsed()
	c.revoked.add(k, Cutoff{}, expiry(now, ttl), now)
	traceAdded(k, now+min(ttl, math.MaxInt64-now))
}

// Doubt notes that an entry was met that could not be understood and holds for
// the ttl: until then every miss is Unknown.
func (c *Copy) Doubt(ttl time.Duration) {
	if now := c.elapsed(); ttl > 0 {
		raise(&c.doubt, int64(now+min(ttl, math.MaxInt64-now)))
	}
}

// Doubtful reports whether an entry that could not be understood still holds.
// The store may not understand it either.
func (c *Copy) Doubtful() bool { return c.elapsed() < time.Duration(c.doubt.Load()) }

// Now reads the copy's clock, for the instant to renew with.
func (c *Copy) Now() time.Duration { return c.elapsed() }

// Renew notes that the copy holds everything acknowledged before asOf, a
// reading of Now from before the question was asked.
func (c *Copy) Renew(asOf time.Duration) { c.fresh.Renew(asOf) }

// Lose ends the freshness: questions asked up to now renew no more.
func (c *Copy) Lose() { c.fresh.Lose(c.elapsed()) }

// State is the state of the copy.
func (c *Copy) State() State { return c.fresh.State(c.elapsed(), c.Staleness()) }

// Age is how long ago the copy was known to be complete; ok is false if that
// was never so or has been lost.
func (c *Copy) Age() (age time.Duration, ok bool) { return c.fresh.Age(c.elapsed()) }

// Entries is how many ids and cutoffs are held exactly.
func (c *Copy) Entries() (n int) {
	for _, set := range c.sets() {
		n += int(set.count.Load())
	}
	return n
}

// Overflowed is about how many ids and cutoffs were evicted before they expired
// and are still covered: a lookup of any of these is Unknown.
func (c *Copy) Overflowed() (n uint64) {
	for _, set := range c.sets() {
		n += set.overflow.count()
	}
	return n
}

// Evictions is how many ids and cutoffs were ever evicted before they expired.
func (c *Copy) Evictions() (n uint64) {
	for _, set := range c.sets() {
		n += set.evicted.Load()
	}
	return n
}

// Sweep drops what has expired, without allocating. Answers do not depend on
// it, only memory does. The owner calls it every few seconds; a full
// pass takes some milliseconds for a million ids, and lookups go on meanwhile.
func (c *Copy) Sweep() {
	for _, set := range c.sets() {
		set.sweep(c.elapsed())
	}
}

func (c *Copy) sets() [3]*revoked { return [...]*revoked{c.revoked, c.users, c.wide} }
