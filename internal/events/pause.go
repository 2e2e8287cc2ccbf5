package events

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// NewBackOff grows without end from first to limit, with jitter.
func NewBackOff(first, limit time.Duration) *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = first, limit
	b.Reset()
	return b
}

// Sleep waits for d or until ctx ends, and reports whether it slept it out.
func Sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
