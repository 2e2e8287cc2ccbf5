package guard

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/curfew-auth/curfew/internal/cache"
	"github.com/curfew-auth/curfew/internal/events"
)

const (
	// margin is how much longer than the longest access token a revocation is
	// kept (commit.Margin).
	margin = 15 * time.Minute
	// maxBehind is how far this node's wall clock may be behind the issuers'.
	// A node that is d behind takes a token for good until d and the leeway
	// after its end by a right clock, and must hold the revocation for as long.
	// Config checks that maxBehind, leeway and B stay within the margin; what is
	// left is for the difference between issuers' clocks and the store's, by
	// which tokens are stamped.
	maxBehind = 10 * time.Minute
	// silentFor is for how long an issuer's clock counts after its last beat:
	// for as long as the log keeps that beat, so that a node which starts anew
	// comes to the same conclusion.
	silentFor  = 15 * time.Minute
	maxIssuers = 64      // whose clocks are known; the longest silent leaves
	latestBeat = 1 << 43 // Unix milliseconds, the year 2248: durations can hold it
)

// clocks compares this node's wall clock with those of the issuers, which their
// beats tell. Nothing is said before the first beat of an issuer was heard.
type clocks struct {
	elapsed cache.Elapsed
	wall    func() time.Time
	log     *slog.Logger

	behind atomic.Int64 // by how much, if more than maxBehind; else 0

	mu    sync.Mutex
	heard map[string]issuerClock // by the issuer's id
}

// An issuerClock is the least by which an issuer's wall clock can be ahead of our
// elapsed one. A beat that was long under way understates it, one that is read
// again does so too.
type issuerClock struct{ ahead, seen time.Duration }

func newClocks(elapsed cache.Elapsed, log *slog.Logger) *clocks {
	return &clocks{elapsed: elapsed, wall: time.Now, log: log, heard: map[string]issuerClock{}}
}

// beat takes a beat of an issuer. late is the longest that it can have been under
// way, negative if nobody knows. An issuer's clock is believed to be less far
// ahead than it was only if that does not come from the way: a beat that was
// committed after the bad ones and read in time.
func (c *clocks) beat(b events.Beat, late time.Duration) {
	if b.By != events.RoleIssuer || b.At <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.elapsed()
	ahead := time.Duration(min(b.At, latestBeat))*time.Millisecond - now
	known, ok := c.heard[b.ID]
	if !ok || ahead > known.ahead || late >= 0 && ahead+late < known.ahead {
		known.ahead = ahead
	}
	known.seen = now
	if !ok && len(c.heard) >= maxIssuers {
		c.forgetOne()
	}
	c.heard[b.ID] = known
	c.judge(now)
}

func (c *clocks) forgetOne() {
	oldest, found := "", false
	for id, k := range c.heard {
		if !found || k.seen < c.heard[oldest].seen {
			oldest, found = id, true
		}
	}
	delete(c.heard, oldest)
}

// look judges anew: this node's own clock may have been set.
func (c *clocks) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.judge(c.elapsed())
}

func (c *clocks) judge(now time.Duration) {
	wall, worst := time.Duration(c.wall().UnixNano()), time.Duration(0)
	for id, k := range c.heard {
		if now-k.seen > silentFor {
			delete(c.heard, id)
			continue
		}
		worst = max(worst, k.ahead+now-wall)
	}
	if worst <= maxBehind {
		worst = 0
	}
	switch before := c.behind.Swap(int64(worst)); {
	case before == 0 && worst > 0:
		c.log.Error("this node's wall clock is far behind the issuers': refusing what is not stateless", "behind", worst)
	case before > 0 && worst == 0:
		c.log.Info("this node's wall clock agrees with the issuers' again")
	}
}

// trouble returns why no token may be accepted, or nil.
func (c *clocks) trouble() error {
	if behind := time.Duration(c.behind.Load()); behind > 0 {
		return fmt.Errorf("this node's wall clock is %s behind the issuers', so an expired token would be taken for a good one",
			behind.Round(time.Second))
	}
	return nil
}

// heardBeat takes a beat of the log. One beyond the position of the last renewal
// was committed after what that renewal rests on, so it has been under way for
// no longer than the copy's age.
func (g *Guard) heardBeat(m events.Message, b events.Beat) {
	late, fresh := g.copy.Age() // first: a renewal in between makes less of it
	if at := g.whole.Load(); !fresh || at == nil || at.Epoch != m.Epoch || m.Seq <= at.Seq {
		late = -1
	}
	g.clocks.beat(b, late)
	g.sync.SawBeat(m, b)
}
