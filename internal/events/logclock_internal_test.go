package events

import (
	"log/slog"
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

// Whoever takes another's word for the log has seen its clock leap all the same: the
// other may have come after that, and not know.
func TestAnothersWordAfterALeap(t *testing.T) {
	b := NewBarrier(nil, NewFollower(nil, nil, slog.New(slog.DiscardHandler)), RoleIssuer, "a", time.Second)
	pos, log := Position{Epoch: "e"}, time.Unix(1_700_000_000, 0)
	b.adopt(pos, reading{log, 0, 0})
	if b.leaps.Load() != 0 || b.admitted != pos {
		t.Fatalf("%d leaps, admitted %+v, want none and what was adopted", b.leaps.Load(), b.admitted)
	}
	pos.Epoch = "f"
	b.adopt(pos, reading{log.Add(time.Hour), time.Second, time.Second})
	if b.leaps.Load() != 1 || b.admitted == pos || !b.mustRenew(found{}) {
		t.Errorf("%d leaps, admitted %+v, want one and what was", b.leaps.Load(), b.admitted)
	}
}
