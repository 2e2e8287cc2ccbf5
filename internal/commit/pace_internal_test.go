package commit

import (
	"testing"
	"time"
)

// What is allowed for a drift does not add up over a long life of the issuer.
func TestPaceAfterAWeek(t *testing.T) {
	start := time.Now()
	p := pace{base: &reading{start, start}}
	own, store := start, start
	step := func(ours, theirs time.Duration) bool {
		own, store = own.Add(ours), store.Add(theirs)
		return p.leapt(reading{store, own})
	}
	for range 7 * 24 * 60 {
		if step(time.Minute, time.Minute) {
			t.Fatal("leapt without a leap")
		}
	}
	for gained := time.Duration(0); gained < 10*time.Minute; gained += 45 * time.Second {
		if step(1250*time.Millisecond, 46250*time.Millisecond) {
			return
		}
	}
	t.Error("10 minutes too many in a few seconds, and not noticed")
}
