package poll_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv/poll"
)

var errNotYet = errors.New("not yet")

func TestUntilHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		err := poll.Until(t.Context(), func() error {
			if time.Since(start) < time.Second {
				return errNotYet
			}
			return nil
		})
		if took := time.Since(start); err != nil || took > 1100*time.Millisecond {
			t.Fatalf("got %v after %v, want nil soon after 1s", err, took)
		}
	})
}

func TestUntilGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := poll.Until(ctx, func() error { return errNotYet })
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errNotYet) {
			t.Fatalf("got %v, want the deadline and the last look", err)
		}
	})
}

func TestUntilStops(t *testing.T) {
	looks := 0
	err := poll.Until(t.Context(), func() error { looks++; return poll.Stop(errNotYet) })
	if err != errNotYet || looks != 1 {
		t.Fatalf("got %v after %d looks, want the bare error after one", err, looks)
	}
}

func TestUntilLooksOnceEvenIfTooLate(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := poll.Until(ctx, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
}
