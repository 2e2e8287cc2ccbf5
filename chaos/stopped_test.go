//go:build unix

package chaos

import (
	"context"
	"fmt"
	"sync"

	"github.com/curfew-auth/curfew/chaos/history"
)

// How many tokens are revoked while an edge is stopped, and how many calls are
// queued with each.
const stoppedTokens, callsEach = 4, 5

func stopEdge(_ context.Context, r *run) error { return second(r).Pause() }

// askTheStopped revokes tokens that the stopped edge knows as good, lets B
// pass, and queues calls with them: what the edge answers first, on waking,
// must not be that they are good.
func askTheStopped(ctx context.Context, r *run) error {
	tokens, err := r.revokeSome(ctx, stoppedTokens)
	if err != nil {
		return err
	}
	pause(ctx, staleness+staleness/10)
	r.queued = &queued{}
	for _, t := range tokens {
		for range callsEach {
			r.queued.calls.Go(func() { r.queued.add(r.call(ctx, second(r), t)) })
		}
	}
	return nil
}

// wakeEdge also waits for the answers to what was queued.
func wakeEdge(_ context.Context, r *run) error {
	err := second(r).Resume()
	if r.queued != nil {
		r.queued.calls.Wait()
	}
	return err
}

// queued are calls that wait for an edge to wake.
type queued struct {
	calls    sync.WaitGroup
	mu       sync.Mutex // guards outcomes
	outcomes map[history.CallOutcome]int
}

func (q *queued) add(o history.CallOutcome) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.outcomes == nil {
		q.outcomes = make(map[history.CallOutcome]int)
	}
	q.outcomes[o]++
}

// wokeUpRight: none was accepted, and they were really answered.
func wokeUpRight(r *run, _ result) error {
	got := r.queued.outcomes
	if answered := got[history.Refused] + got[history.Unknown]; got[history.Accepted] > 0 || answered == 0 {
		return fmt.Errorf("calls queued with revoked tokens: %v, want none accepted and some answered", got)
	}
	return nil
}
