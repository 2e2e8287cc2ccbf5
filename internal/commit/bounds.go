package commit

import (
	"sync"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

const (
	// maxBound is the largest staleness bound that a node may be given: a guard in a
	// program of its own takes more than our services.
	maxBound = 5 * time.Minute
	// boundWindow is how long a bound is remembered at least. Whoever has an
	// answer by it is stale long before that ends.
	boundWindow = 10 * time.Minute
)

// bounds remembers the largest staleness bound in the beats of the last minutes.
// Edges go by the bound of whoever answers them, so an edge that lacks a
// revocation goes by that of a beat below it in the log: whoever has read the log
// up to the revocation knows the largest that any edge goes by.
type bounds struct {
	mu          sync.Mutex
	own         time.Duration
	now, before time.Duration // the largest of this window, and of the one before
	turned      time.Time
}

func (b *bounds) set(own time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.own = own
}

func (b *bounds) saw(bound time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn()
	b.now = max(b.now, min(bound, maxBound))
}

func (b *bounds) largest() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn()
	return max(b.own, b.now, b.before)
}

func (b *bounds) turn() {
	for now := time.Now(); now.Sub(b.turned) >= boundWindow; b.turned = now {
		b.now, b.before = 0, b.now
	}
}

// read takes in what the log says of those who commit beats.
func (c *Committer) read(batch []events.Message) error {
	for _, m := range batch {
		c.standIns.saw(m)
		b, ok := events.DecodeBeat(m)
		if !ok {
			continue
		}
		c.bounds.saw(time.Duration(b.StalenessMS) * time.Millisecond)
		if b.LongestMS > 0 {
			c.heardFurthest(min(time.Duration(b.LongestMS)*time.Millisecond, longestToken))
		}
		if b.Stamp > 0 {
			c.Heard(b.Stamp) // the projector logs one that is not plausible
		}
	}
	return nil
}
