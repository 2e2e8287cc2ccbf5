//go:build unix

package chaos

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

const (
	wanted = 60 // sessions that clients try to keep open
	least  = 15 // and that nobody revokes when there are no more

	callEvery    = 10 * time.Millisecond // at each edge
	loginEvery   = 200 * time.Millisecond
	revokeEvery  = 400 * time.Millisecond
	refreshEvery = time.Second
)

// A workload is clients at work, from start until the test ends.
type workload struct {
	cluster *cluster
	pool    pool
	running sync.WaitGroup
}

func startWorkload(t testing.TB, c *cluster) *workload {
	w := &workload{cluster: c}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(func() {
		stop()
		w.running.Wait()
	})
	for _, edge := range c.edges {
		w.running.Go(func() { w.callers(ctx, edge) })
	}
	for every, act := range map[time.Duration]func(context.Context){
		loginEvery: w.someLogin, revokeEvery: w.someRevocation, refreshEvery: w.someRefresh,
	} {
		w.running.Go(func() {
			for pause(ctx, every/2+rand.N(every)) {
				act(ctx)
			}
		})
	}
	return w
}

// fill opens sessions until there are enough to begin with.
func (w *workload) fill(ctx context.Context) error {
	for w.pool.size() < wanted/2 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		w.someLogin(ctx)
	}
	return nil
}

// callers call one edge at a steady rate, whether it answers or not, until too
// many calls wait.
func (w *workload) callers(ctx context.Context, edge *node) {
	tick := time.NewTicker(callEvery)
	defer tick.Stop()
	free := make(chan struct{}, maxInFlight)
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		t := w.pool.pick(3 * staleness)
		if t == nil {
			continue
		}
		select {
		case free <- struct{}{}:
		default:
			continue
		}
		w.running.Go(func() {
			defer func() { <-free }()
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			w.call(ctx, edge, t)
		})
	}
}

// pause sleeps, and reports whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
