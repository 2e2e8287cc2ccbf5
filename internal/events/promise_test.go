package events_test

import (
	"context"
	"flag"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/events/memlog"
)

// Which random faults; see the storms of package commit for why there are more.
var (
	firstSeed = flag.Uint64("seed", 0, "first seed of TestPromiseUnderRandomFaults")
	seeds     = flag.Uint64("seeds", 25, "how many seeds it tries")
)

// TestPromiseUnderRandomFaults runs one issuer and several edges through random
// faults of the log and checks the promise itself: no edge accepts an id later
// than the staleness bound after its revocation was acknowledged.
func TestPromiseUnderRandomFaults(t *testing.T) {
	for seed := *firstSeed; seed < *firstSeed+*seeds; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			bubble(t, func(t *testing.T, ctx context.Context) {
				newCluster(t, ctx, rand.New(rand.NewPCG(seed, 1))).run()
			})
		})
	}
}

// A cluster is an issuer with its store, edges, and the log to break.
type cluster struct {
	t      *testing.T
	ctx    context.Context
	rng    *rand.Rand
	log    *memlog.Log
	x      *memlog.Exchange
	issuer *issuer
	edges  []*edge

	requests sync.WaitGroup // that are under way

	mu    sync.Mutex
	store map[string]events.Revocation // every revocation that was asked for
	acked map[string]time.Time         // those that were acknowledged
}

func newCluster(t *testing.T, ctx context.Context, rng *rand.Rand) *cluster {
	c := &cluster{
		t: t, ctx: ctx, rng: rng, log: memlog.New(), x: &memlog.Exchange{},
		store: map[string]events.Revocation{}, acked: map[string]time.Time{},
	}
	c.issuer = startIssuer(t, ctx, c.log, c.x)
	go c.keep()
	for n := range 3 {
		c.edges = append(c.edges, startEdge(ctx, c.log, c.x, fmt.Sprint(n)))
	}
	return c
}

// keep is what an issuer does whenever its epoch is not admitted.
func (c *cluster) keep() {
	for events.Sleep(c.ctx, 100*time.Millisecond) {
		if !c.issuer.barrier.Admitted() {
			_ = c.log.Ensure(c.ctx)
			_, _ = c.issuer.barrier.Restore(c.ctx, c.live)
		} else {
			_, _ = c.issuer.barrier.Confirm(c.ctx)
		}
	}
}

func (c *cluster) live(context.Context) iter.Seq2[events.Revocation, error] {
	c.mu.Lock()
	all := slices.Collect(maps.Values(c.store))
	c.mu.Unlock()
	return func(yield func(events.Revocation, error) bool) {
		for _, r := range all {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (c *cluster) revoke(id string) {
	r := events.Revocation{
		ID: id, Scope: events.ScopeSession, Issuer: "iss", Subject: id,
		TTLMillis: (30 * time.Minute).Milliseconds(),
	}
	c.mu.Lock()
	c.store[id] = r
	c.mu.Unlock()
	if _, err := events.Publish(c.ctx, c.log, r); err == nil {
		c.mu.Lock()
		c.acked[id] = time.Now()
		c.mu.Unlock()
	}
}

func (c *cluster) run() {
	faults := []func(){
		func() { c.log.SetDown(true) }, func() { c.log.SetDown(false) },
		func() { c.log.SetStalled(true) }, func() { c.log.SetStalled(false) },
		c.log.Interrupt, c.log.Recreate, c.log.Purge, c.log.Delete,
		func() { c.log.Remove(1 + c.rng.IntN(3)) },
		func() { c.log.Rollback(c.issuer.Position().Seq / 2) },
		func() { c.log.LoseAcks(2) },
		func() { c.log.SetClock(time.Duration(c.rng.IntN(9)-4) * 20 * time.Minute) },
	}
	for step := range 200 {
		switch k := c.rng.IntN(12); {
		case k < 2:
			faults[c.rng.IntN(len(faults))]()
		case k < 7:
			c.revoke(fmt.Sprint("id-", step))
		case k < 8 && len(c.edges) < 6:
			c.edges = append(c.edges, startEdge(c.ctx, c.log, c.x, fmt.Sprint("late ", step)))
		}
		c.request(step)
		time.Sleep(time.Duration(c.rng.IntN(700)) * time.Millisecond)
		synctest.Wait()
		c.check(step)
	}
	c.log.SetDown(false)
	c.log.SetStalled(false)
	time.Sleep(20 * time.Second)
	wantFresh(c.t, true, c.edges...)
	c.requests.Wait()
}

// request begins a decision that is held up between its steps, while other things
// go on. Its numbers are not those of the faults, so that a seed stays what it was.
func (c *cluster) request(step int) {
	rng := rand.New(rand.NewPCG(uint64(step), 3))
	id, e := fmt.Sprint("id-", rng.IntN(step+1)), c.edges[rng.IntN(len(c.edges))]
	began, pauses := time.Now(), [2]time.Duration{}
	for i := range pauses {
		pauses[i] = time.Duration(rng.Int64N(int64(2 * staleness)))
	}
	c.requests.Go(func() {
		held := 0
		accepted := e.decide(id, func() { time.Sleep(pauses[held]); held++ })
		c.mu.Lock()
		defer c.mu.Unlock()
		if at, ok := c.acked[id]; ok && accepted && began.Sub(at) > staleness {
			c.t.Errorf("accepted %s, by a request that began %s after the revocation and was held up for %s", id, began.Sub(at), pauses)
		}
	})
}

func (c *cluster) check(step int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, at := range c.acked {
		for n, e := range c.edges {
			if time.Since(at) > staleness && e.accepts(id) {
				c.t.Fatalf("step %d: edge %d accepts %s, revoked %s ago", step, n, id, time.Since(at))
			}
		}
	}
}
