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

// The three answers. Unknown, the safe one, is the zero value.
const (
	Unknown Answer = iota // ask the store, or refuse
	Clear                 // none of the ids is revoked
	Revoked               // one of the ids is revoked; final in every state
)

func (a Answer) String() string {
	return [...]string{"unknown", "clear", "revoked"}[min(a, Revoked)]
}

// MaxEntries bounds [Config.Entries].
const MaxEntries = 1 << 28

// ErrConfig is wrapped by every error about a configuration.
var ErrConfig = errors.New("cache: bad configuration")

// Config is what a [Copy] needs.
type Config struct {
	Entries   int           // revoked ids held exactly, 1 to MaxEntries; about 42 bytes each
	Staleness time.Duration // the bound B, more than 0
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
	staleness time.Duration
	elapsed   Elapsed
	revoked   *revoked
	fresh     Freshness
	doubt     atomic.Int64 // instant up to which no miss counts
}

// New returns an empty copy, which is syncing.
func New(cfg Config) (*Copy, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	set, err := newRevoked(cfg.Entries)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return &Copy{staleness: cfg.Staleness, elapsed: cfg.Elapsed, revoked: set}, nil
}

// Lookup says whether a token with these ids is revoked. A miss takes no lock
// (unless removals keep disturbing it) and allocates nothing; a hit
// records that the id is being presented. Without ids the answer is Unknown.
//
// The order is the point: the search comes first, the clock is read after it,
// and freshness is judged at that reading. If the process is stopped, or the
// machine suspended, anywhere in here, either the pause comes before the clock
// is read and counts, or the search was already within the bound. Asking first
// whether the copy is fresh would let a process that slept for an hour in
// between answer from a copy that is an hour old.
func (c *Copy) Lookup(keys ...Key) Answer {
	var latest seconds
	evicted := false
	for _, k := range keys {
		exp, lost := c.revoked.lookup(k)
		latest, evicted = max(latest, exp), evicted || lost
	}
	now := c.elapsed()
	switch {
	case latest.after(now):
		return Revoked
	case len(keys) == 0, evicted, now < time.Duration(c.doubt.Load()), !c.fresh.Fresh(now, c.staleness):
		return Unknown
	}
	return Clear
}

// Add notes that an id is revoked for the ttl from now on. Entries merge by
// the later expiry; there is no removal. A ttl of 0 or less adds nothing.
func (c *Copy) Add(k Key, ttl time.Duration) {
	if ttl <= 0 {
		return
	}
	now := c.elapsed()
	c.revoked.add(k, expiry(now, ttl), now)
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
func (c *Copy) State() State { return c.fresh.State(c.elapsed(), c.staleness) }

// Age is how long ago the copy was known to be complete; ok is false if that
// was never so or has been lost.
func (c *Copy) Age() (age time.Duration, ok bool) { return c.fresh.Age(c.elapsed()) }

// Entries is how many ids are held exactly.
func (c *Copy) Entries() int { return int(c.revoked.count.Load()) }

// Overflowed is about how many ids were evicted before they expired and are
// still covered: a lookup of any of these is Unknown.
func (c *Copy) Overflowed() uint64 { return c.revoked.overflow.count() }

// Sweep drops what has expired, without allocating. Answers do not depend on
// it, only memory does. The owner calls it every few seconds; a full
// pass takes some milliseconds for a million ids, and lookups go on meanwhile.
func (c *Copy) Sweep() { c.revoked.sweep(c.elapsed()) }
