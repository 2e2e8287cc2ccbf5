package session

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

const (
	// turnWait bounds how long a login waits for its turn.
	turnWait = 2 * time.Second
	// turnQueue is how many may wait per one that runs: more would not
	// come to their turn in time.
	turnQueue = 64
)

// Turns bound how much of something dear runs at once, and how much waits for
// it. Who waits is served in order.
type Turns struct {
	running chan struct{}
	waiting chan struct{}
}

// NewTurns returns turns for so many at once. 0 means half the processors, so
// that whatever else the process does keeps a share of them, but at least one.
func NewTurns(atOnce int) *Turns {
	if atOnce <= 0 {
		atOnce = max(1, runtime.GOMAXPROCS(0)/2)
	}
	return &Turns{running: make(chan struct{}, atOnce), waiting: make(chan struct{}, atOnce*turnQueue)}
}

// Take waits for a turn; the caller MUST call done when it is over. Errors: a
// Delay of ErrBusy, when too many wait or the wait is too long, and
// ErrUnavailable when ctx ends.
func (t *Turns) Take(ctx context.Context) (done func(), err error) {
	done = func() { <-t.running }
	select {
	case t.running <- struct{}{}:
		return done, nil
	default:
	}
	select {
	case t.waiting <- struct{}{}:
		defer func() { <-t.waiting }()
	default:
		return nil, &Delay{Err: ErrBusy, After: turnWait}
	}
	late := time.NewTimer(turnWait)
	defer late.Stop()
	select {
	case t.running <- struct{}{}:
		return done, nil
	case <-late.C:
		return nil, &Delay{Err: ErrBusy, After: turnWait}
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	}
}
