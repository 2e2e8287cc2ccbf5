//go:build curfewtrace

package cache

import (
	"math/rand/v2"
	"os"
	"time"
)

// PauseUpTo is the environment variable with the longest time for which a step of a
// decision is made to wait, now and then. Stopping the whole process does not show
// the same: then the follower stops too, and here it goes on.
const PauseUpTo = "CHAOS_PAUSE"

// onceIn is how many steps there are to a pause, about. A decision has some ten.
const onceIn = 2000

// preempt has decisions wait between any two of their steps.
func (c *Copy) preempt() {
	longest, err := time.ParseDuration(os.Getenv(PauseUpTo))
	if err != nil || longest <= 0 {
		return
	}
	hook := func(string) {
		if rand.IntN(onceIn) == 0 {
			time.Sleep(rand.N(longest))
		}
	}
	for _, s := range []*steps{&c.steps, &c.fresh.steps, &c.revoked.steps, &c.users.steps, &c.wide.steps} {
		s.hook = hook
	}
}
