//go:build unix

package chaos

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

// shortStops is how long an edge is stopped again and again before it is stopped
// for longer than B.
const shortStops = time.Second

// pauseUpTo is the environment variable that an edge built with the tag curfewtrace
// reads.
const pauseUpTo = "CHAOS_PAUSE"

// preempt stops an edge at random instants, hundreds of times a second, and now and
// then for longer than B. Besides, one request in some hundred waits between two of
// its steps, for up to 2 B, while all others go on. Meanwhile the links to the log
// come and go, so that the copy is renewed and turns stale all the time.
func preempt(ctx context.Context, r *run) error {
	e := second(r)
	err := e.replace(func(s *proc.Spec) { s.Env = append(s.Env, pauseUpTo+"="+(2*staleness).String()) })
	if err != nil {
		return err
	}
	r.awaitOrNot(ctx, e)
	r.meanwhile(
		func(ctx context.Context) {
			for pause(ctx, 0) {
				for until := time.Now().Add(shortStops); time.Now().Before(until) && ctx.Err() == nil; {
					stopFor(ctx, e, shortOrNot())
					pause(ctx, rand.N(3*time.Millisecond))
				}
				stopFor(ctx, e, staleness+staleness/10)
			}
		},
		func(ctx context.Context) {
			for pause(ctx, rand.N(staleness)) {
				_ = cut(e.nats...)
				pause(ctx, rand.N(3*staleness/2))
				_ = slow(0, e.nats...) // an error shows when the fault is healed
			}
		})
	return nil
}

// shortOrNot is mostly a few milliseconds, and sometimes up to 50.
func shortOrNot() time.Duration {
	if rand.IntN(20) == 0 {
		return rand.N(50 * time.Millisecond)
	}
	return time.Millisecond + rand.N(2*time.Millisecond)
}

func stopFor(ctx context.Context, n *node, d time.Duration) {
	if n.Pause() == nil {
		pause(ctx, d)
		_ = n.Resume() // fails if it was killed meanwhile
	}
}

func calmDown(_ context.Context, r *run) error {
	r.ended()
	return errors.Join(second(r).Resume(), slow(0, second(r).links()...), second(r).replace(nil))
}

// awaitOrNot waits for a node for a while: what else is broken may keep it.
func (r *run) awaitOrNot(ctx context.Context, n *node) {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	_ = n.awaitReady(ctx)
}
