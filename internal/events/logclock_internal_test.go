package events

import (
	"testing"
	"time"
)

// What is allowed for a drift does not add up over a long life of the reader.
func TestLogClockAfterAWeek(t *testing.T) {
	var c logClock
	own, log := time.Duration(0), time.Unix(1_700_000_000, 0)
	step := func(ours, theirs time.Duration) error {
		own, log = own+ours, log.Add(theirs)
		return c.read(reading{log, own, own})
	}
	for range 7 * 24 * 60 {
		if err := step(time.Minute, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	for gained := time.Duration(0); gained < 5*time.Minute; gained += 28 * time.Second {
		if step(10*time.Minute+time.Second, 10*time.Minute+29*time.Second) != nil {
			return
		}
	}
	t.Error("5 minutes too many in two hours, and not noticed")
}
