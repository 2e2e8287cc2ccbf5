package guard

import (
	"context"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

// watchClocks looks at this node's own clocks every B/8.
func (g *Guard) watchClocks(ctx context.Context) {
	last := g.clocks.read()
	for events.Sleep(ctx, g.copy.Staleness()/8) {
		now := g.clocks.read()
		g.compareClocks(last, now)
		last = now
		g.clocks.look()
	}
}

// compareClocks ends the copy's freshness if the clock that it is measured by may
// have stood still while the world went on, as it does in a virtual machine that
// was paused or restored, until somebody sets its wall clock. That the wall clock
// was merely set looks the same, and costs one question.
func (g *Guard) compareClocks(last, now bothClocks) {
	ahead := now.leastAhead() - last.mostAhead()
	if ahead <= min(time.Second, g.copy.Staleness()/10) {
		return
	}
	g.copy.Lose()
	g.askSoon()
	g.config.Log.Warn("wall clock has gone ahead of the elapsed one: asking anew how far to read", "ahead", ahead)
}

// bothClocks is a reading of the wall clock between two of the elapsed one:
// whatever held the process up in between is not taken for a difference.
type bothClocks struct {
	before, after time.Duration
	wall          time.Time
}

func (c *clocks) read() bothClocks {
	b := bothClocks{before: c.elapsed(), wall: c.wall().Round(0)} // without the monotonic reading
	b.after = c.elapsed()
	return b
}

func (b bothClocks) leastAhead() time.Duration { return time.Duration(b.wall.UnixNano()) - b.after }
func (b bothClocks) mostAhead() time.Duration  { return time.Duration(b.wall.UnixNano()) - b.before }

// askSoon has the sync ask at once. It does not block.
func (g *Guard) askSoon() {
	select {
	case g.poke <- struct{}{}:
	default:
	}
}

// passReconnects has the sync ask at once after a reconnect too.
func (g *Guard) passReconnects(ctx context.Context) {
	for {
		select {
		case <-g.reconnected:
			g.askSoon()
		case <-ctx.Done():
			return
		}
	}
}
