//go:build !linux

package cache

import (
	"sync"
	"time"
)

// Boottime returns a clock that counts time asleep as far as it can be known
// here: between two readings the larger of monotonic and wall time passes.
// Summing per step, instead of comparing with the start, keeps it from running
// backwards when the wall clock is set forward and back.
func Boottime() Elapsed {
	var (
		mu   sync.Mutex
		last = time.Now()
		sum  time.Duration
	)
	return func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		t := time.Now()
		sum += max(t.Sub(last), t.Round(0).Sub(last.Round(0)))
		last = t
		return sum
	}
}
