//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/curfew-auth/curfew/chaos/history"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

// slowLink is how much later everything arrives on every link, one way. An edge
// gives the store 100 ms for an answer.
const slowLink = 25 * time.Millisecond

func otherFaults() []fault {
	return []fault{
		{name: "NATS and Redis gone", part: all, elects: true, inject: killServers, heal: restartServers, after: refusedUnknown},
		{name: "every link slow", part: links, inject: slowDown, heal: speedUp, answered: 0.99},
		{name: "clocks wrong", part: all, inject: shiftClocks, heal: rightClocks},
		{name: "every message again", part: theLog, inject: duplicate, heal: nothing, accepted: 0.999},
		{name: "edges with other bounds", part: all, inject: otherBounds, heal: ownBounds},
		{name: "another region on the same NATS", part: abroad, recent: true, inject: openRegion, heal: closeRegion, after: refusedAbroad},
		{name: "cache of 1,000 flooded", part: all, inject: shrink, while: floodLog, heal: growBack, after: evicted},
	}
}

func killServers(ctx context.Context, r *run) error {
	return errors.Join(killNodes(3)(ctx, r), r.redis.Kill())
}

func restartServers(ctx context.Context, r *run) error {
	return errors.Join(restartNodes(ctx, r), r.redis.Restart(ctx))
}

// refusedUnknown: an edge that can ask nobody accepts nothing, once B is over.
func refusedUnknown(r *run, res result) error {
	h := r.rec.History()
	unknown, accepted := 0, 0
	for i := range h.Calls {
		c := &h.Calls[i]
		if c.Start < res.broken+staleness || c.End > res.ended {
			continue
		}
		switch c.Outcome {
		case history.Unknown:
			unknown++
		case history.Accepted:
			accepted++
		}
	}
	if accepted > 0 || unknown == 0 {
		return fmt.Errorf("%d calls accepted and %d refused with 503, later than B after everything was gone", accepted, unknown)
	}
	return nil
}

func slowDown(_ context.Context, r *run) error { return slow(slowLink, r.allLinks()...) }

func speedUp(_ context.Context, r *run) error { return slow(0, r.allLinks()...) }

// shiftClocks restarts nodes with wall clocks that are minutes off, ahead and
// behind; one keeps the right time.
func shiftClocks(ctx context.Context, r *run) error {
	for n, off := range map[*node]time.Duration{
		r.issuers[0]: 7 * time.Minute, r.issuers[1]: -7 * time.Minute,
		r.edges[0]: 3 * time.Minute, r.edges[1]: -4 * time.Minute,
	} {
		if err := n.replace(func(s *proc.Spec) { r.shifted.Apply(s, off) }); err != nil {
			return err
		}
	}
	for _, n := range r.all() {
		if err := n.awaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

func rightClocks(ctx context.Context, r *run) error {
	for _, n := range []*node{r.issuers[0], r.issuers[1], r.edges[0], r.edges[1]} {
		if err := n.restart(ctx); err != nil {
			return err
		}
	}
	return nil
}
