// Package poll waits for conditions in other processes, which cannot tell us
// when they hold. It is the one place of the repository where waiting is done
// by looking again; everything else waits for an event.
package poll

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The interval between looks grows from first to longest.
const (
	first   = 2 * time.Millisecond
	longest = 50 * time.Millisecond
)

// A terminal error ends the wait at once.
type terminal struct{ error }

func (t terminal) Unwrap() error { return t.error }

// Stop marks an error after which looking again is pointless, such as the
// death of the process that was waited for.
func Stop(err error) error { return terminal{err} }

// Until calls cond until it returns nil, until it returns an error marked by
// Stop, or until ctx ends. cond is called at least once. The error of the
// last look is part of the error returned.
func Until(ctx context.Context, cond func() error) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for interval := first; ; interval = min(2*interval, longest) {
		err := cond()
		if err == nil {
			return nil
		}
		if stop, ok := errors.AsType[terminal](err); ok {
			return stop.error
		}
		timer.Reset(interval)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return fmt.Errorf("%w; last: %w", context.Cause(ctx), err)
		}
	}
}
