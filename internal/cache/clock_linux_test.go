package cache

import (
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func kernelBoottime(t *testing.T) time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		t.Fatal(err)
	}
	return time.Duration(ts.Nano())
}

func TestBoottimeIsTheKernels(t *testing.T) {
	elapsed := Boottime()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5000 {
				before := kernelBoottime(t)
				got := elapsed()
				after := kernelBoottime(t)
				if got < before-anchorLife || got > after+anchorLife {
					t.Errorf("got %v, the kernel says %v to %v", got, before, after)
					return
				}
			}
		})
	}
	wg.Wait()
}

// anchored returns an anchor taken at the returned instant.
func anchored(t *testing.T) (*anchor, time.Time) {
	t.Helper()
	a, now := &anchor{start: time.Now()}, time.Now()
	a.read(now)
	return a, now
}

func TestAnchorNoticesSleep(t *testing.T) {
	a, now := anchored(t)
	if _, ok := a.extend(now.Add(anchorLife / 2)); !ok {
		t.Fatal("a young reading was not extended")
	}
	if _, ok := a.extend(now.Add(anchorLife)); ok {
		t.Error("an old reading was extended")
	}
	a.wall.Add(-int64(10 * time.Second)) // as if 10s had passed that monotonic time did not count
	if _, ok := a.extend(now.Add(anchorLife / 2)); ok {
		t.Error("a sleep of 10s was missed")
	}
	a.wall.Add(int64(20 * time.Second)) // the wall clock set back
	if _, ok := a.extend(now.Add(anchorLife / 2)); ok {
		t.Error("a step of the wall clock was ignored")
	}
}

func TestAnchorRefusesAnInterruptedReading(t *testing.T) {
	a := &anchor{start: time.Now()}
	boot := a.read(time.Now().Add(-time.Second)) // the process stopped for 1s before it asked
	if d := kernelBoottime(t) - boot; d < 0 || d > time.Minute {
		t.Errorf("the reading itself is off by %v", d)
	}
	if _, ok := a.extend(time.Now()); ok {
		t.Error("a reading that took a second became an anchor")
	}
}
