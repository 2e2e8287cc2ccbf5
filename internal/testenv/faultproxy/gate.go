package faultproxy

import (
	"context"
	"sync"
	"time"
)

// A gate says when bytes may pass.
type gate struct {
	mu      sync.Mutex // guards all below
	stalled bool
	delay   time.Duration
	changed chan struct{} // closed at the next change
}

func (g *gate) set(stalled bool, delay time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stalled, g.delay = stalled, delay
	if g.changed != nil {
		close(g.changed)
	}
	g.changed = make(chan struct{})
}

func (g *gate) get() (stalled bool, delay time.Duration, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stalled, g.delay, g.changed
}

// wait returns nil when what came at the given time may pass on.
func (g *gate) wait(ctx context.Context, came time.Time) error {
	for ctx.Err() == nil {
		stalled, delay, changed := g.get()
		rest := time.Until(came.Add(delay))
		if !stalled && (delay == 0 || rest <= 0) {
			return nil
		}
		timer := time.NewTimer(rest)
		if stalled {
			timer.Stop() // only a change ends a stall
		}
		select {
		case <-timer.C:
		case <-changed:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return ctx.Err()
}
