package guard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/curfew-auth/curfew/internal/embedded"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
)

func TestVerdictThatIsOldIsNotBelieved(t *testing.T) {
	for name, c := range map[string]struct {
		revoked bool
		age     time.Duration
		good    bool
	}{
		"young":                 {false, 0, true},
		"just young enough":     {false, LookupTimeout, true},
		"old":                   {false, LookupTimeout + 1, false},
		"slept for an hour":     {false, time.Hour, false},
		"old, but revoked":      {true, time.Hour, true}, // a positive always applies
		"young, and is revoked": {true, 0, true},
	} {
		f := newFallback(nil, always(time.Second), func() time.Duration { return time.Minute + c.age }, slog.New(slog.DiscardHandler))
		verdict := redisstore.Verdict{Revoked: c.revoked, Vouched: true}
		got, err := f.believe(asked{Verdict: verdict, at: time.Minute})
		if (err == nil) != c.good || c.good && got != verdict || !c.good && got.Vouched {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// The process is stopped while the store's reply lies in its socket: on waking
// the reply is there at once, and is about the time before.
func TestReplyFromBeforeASleepIsNotBelieved(t *testing.T) {
	lookup := vouchedStore(t)
	for name, sleep := range map[string]time.Duration{"awake": 0, "slept": time.Minute} {
		verdict, err := askAsleep(t, lookup, sleep)
		for began := time.Now(); errors.Is(err, session.ErrUnavailable) && time.Since(began) < time.Minute; { // a busy machine is too slow for the store
			verdict, err = askAsleep(t, lookup, sleep)
		}
		if believed := err == nil && verdict.Vouched; believed != (sleep == 0) {
			t.Errorf("%s: %+v, %v", name, verdict, err)
		}
	}
}

// Clients that hang up do not close the way to the store for the others.
func TestHangingUpIsNotTheStoresFault(t *testing.T) {
	f := newFallback(vouchedStore(t), always(time.Minute), func() time.Duration { return 0 }, slog.New(slog.DiscardHandler))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	const asks = 2 * breakerFailures
	for n := range asks {
		_, _ = f.ask(gone, redisstore.Question{IDs: []string{fmt.Sprint("session:", n)}})
	}
	testenv.Eventually(t, 30*time.Second, func() error {
		if state := f.breaker.State(); state != gobreaker.StateClosed {
			t.Fatalf("the breaker is %s", state)
		}
		if c := f.breaker.Counts(); c.TotalSuccesses+c.TotalFailures != asks {
			return fmt.Errorf("%+v", c)
		}
		return nil
	})
}

// askAsleep asks the store, and sleeps before it looks at the answer.
func askAsleep(t *testing.T, lookup *redisstore.Lookup, sleep time.Duration) (redisstore.Verdict, error) {
	t.Helper()
	var readings atomic.Int64
	f := newFallback(lookup, always(time.Minute), func() time.Duration {
		return time.Duration(min(readings.Add(1)-1, 1)) * sleep
	}, slog.New(slog.DiscardHandler))
	return f.ask(t.Context(), redisstore.Question{IDs: []string{"session:x"}})
}

func always(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

func TestNoStoreIsAnError(t *testing.T) {
	f := newFallback(nil, always(time.Second), func() time.Duration { return 0 }, slog.New(slog.DiscardHandler))
	if verdict, err := f.ask(t.Context(), redisstore.Question{IDs: []string{"session:x"}}); err == nil || verdict.Vouched {
		t.Errorf("%+v, %v", verdict, err)
	}
}

func vouchedStore(t *testing.T) *redisstore.Lookup {
	t.Helper()
	server, err := embedded.StartStore()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	rdb, err := redisstore.Open(server.URL(), redisstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rdb.Close() })
	store := redisstore.New(rdb, "local")
	refill, err := store.BeginRefill(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Vouch(t.Context(), refill, time.Now()); err != nil {
		t.Fatal(err)
	}
	return redisstore.NewLookup(rdb, "local")
}
