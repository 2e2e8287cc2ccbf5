package cache

import (
	"math"
	"time"
)

// Elapsed tells how much time has passed since some fixed instant. It counts
// time during which the process was stopped, and, if made by [Boottime], time
// during which the machine was asleep. Readings are only compared with other
// readings of the same Elapsed.
type Elapsed func() time.Duration

// Monotonic returns a clock that does not count suspension of the machine. It
// follows the fake clock of testing/synctest and is meant for tests.
func Monotonic() Elapsed {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}

// seconds is an instant on the Elapsed clock in whole seconds. Expiries are
// rounded up, so an entry never leaves early; the largest means never.
type seconds uint32

func expiry(now, ttl time.Duration) seconds {
	if ttl > math.MaxInt64-now-time.Second {
		return math.MaxUint32
	}
	return seconds(min((now+ttl+time.Second-1)/time.Second, math.MaxUint32))
}

func (s seconds) after(now time.Duration) bool {
	return s == math.MaxUint32 || time.Duration(s)*time.Second > now
}
