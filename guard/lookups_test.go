package guard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/curfew-auth/curfew/internal/cache"
	"github.com/curfew-auth/curfew/internal/redisstore"
)

// A slowStore takes its time before and after it looks. It is stalled while that
// is longer than the context allows.
type slowStore struct {
	before, after time.Duration
	revoked       sync.Map // texts of questions
	asked         atomic.Int64
	age           atomic.Int64 // that the vouch might have, at the last lookup
	under, most   atomic.Int64
}

func (s *slowStore) Lookup(ctx context.Context, q redisstore.Question, age time.Duration) (redisstore.Verdict, error) {
	s.asked.Add(1)
	s.age.Store(int64(age))
	s.most.Store(max(s.most.Load(), s.under.Add(1)))
	defer s.under.Add(-1)
	if err := pass(ctx, s.before); err != nil {
		return redisstore.Verdict{}, err
	}
	_, revoked := s.revoked.Load(q.String())
	return redisstore.Verdict{Revoked: revoked, Vouched: true}, pass(ctx, s.after)
}

func (s *slowStore) Live(ctx context.Context, q redisstore.Question, _, _ string, age time.Duration) (redisstore.Verdict, error) {
	return s.Lookup(ctx, q, age)
}

func pass(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func asking(s store) *fallback {
	return newFallback(s, always(time.Minute), cache.Monotonic(), slog.New(slog.DiscardHandler))
}

var oneQuestion = redisstore.Question{IDs: []string{"session:s"}}

// The store has looked, its answer is under way, the revocation is filed, and
// only then the next request comes.
func TestNobodyJoinsALookupFromBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowStore{before: 10 * time.Millisecond, after: 20 * time.Millisecond}
		f := asking(s)
		var both sync.WaitGroup
		both.Go(func() {
			if v, err := f.ask(t.Context(), oneQuestion); err != nil || v.Revoked {
				t.Errorf("the first: %+v, %v", v, err)
			}
		})
		time.Sleep(15 * time.Millisecond)
		s.revoked.Store(oneQuestion.String(), true)
		both.Go(func() {
			if v, err := f.ask(t.Context(), oneQuestion); err != nil || !v.Revoked {
				t.Errorf("a request that came after the revocation: %+v, %v", v, err)
			}
		})
		both.Wait()
	})
}

// Whatever comes when: no request is told of a time before it came, at most one
// lookup of a question is under way, and far fewer are made than there are
// requests.
func TestLookupsBeginAfterTheirRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(5, 12))
		s := &slowStore{before: 7 * time.Millisecond, after: 11 * time.Millisecond}
		f := asking(s)
		var all sync.WaitGroup
		const requests = 3000
		for i := range requests {
			if i%100 == 99 {
				all.Wait()
				s.revoked.Clear()
			}
			if i%100 == 50 {
				s.revoked.Store(oneQuestion.String(), true)
			}
			filed := i%100 >= 50 && i%100 < 99
			all.Go(func() {
				if v, err := f.ask(t.Context(), oneQuestion); err != nil || filed && !v.Revoked {
					t.Errorf("request %d: %+v, %v", i, v, err)
				}
			})
			time.Sleep(time.Duration(rng.IntN(3000)) * time.Microsecond)
		}
		all.Wait()
		if s.most.Load() != 1 || s.asked.Load() > requests/5 {
			t.Errorf("%d lookups for %d requests, %d at once", s.asked.Load(), requests, s.most.Load())
		}
		synctest.Wait()
		f.lookups.mu.Lock()
		defer f.lookups.mu.Unlock()
		if len(f.lookups.flying) != 0 {
			t.Errorf("%d questions are kept", len(f.lookups.flying))
		}
	})
}

// A store that stalls holds nobody for longer than the timeout, whether it came
// first or behind others, and the breaker counts each lookup once.
func TestStalledLookupHoldsNobodyForLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowStore{before: time.Hour}
		f := asking(s)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				began := time.Now()
				_, err := f.ask(t.Context(), oneQuestion)
				if took := time.Since(began); err == nil || took > LookupTimeout {
					t.Errorf("%v after %v", err, took)
				}
			})
			time.Sleep(3 * time.Millisecond)
		}
		all.Wait()
		time.Sleep(LookupTimeout)
		if n := s.asked.Load(); n < 3 || n > 5 { // 300 ms of requests
			t.Errorf("%d lookups", n)
		}
		if f.breaker.State() != gobreaker.StateClosed || s.under.Load() != 0 {
			t.Errorf("the breaker is %s, %d lookups are under way", f.breaker.State(), s.under.Load())
		}
		for range breakerFailures {
			_, _ = f.ask(t.Context(), oneQuestion)
		}
		if f.breaker.State() != gobreaker.StateOpen {
			t.Error("the breaker did not open")
		}
	})
}

// Those who wait for the next lookup may all hang up: then it is not made. One
// that is under way goes on, and does not count as a failure.
func TestLookupNobodyWaitsForIsNotMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowStore{before: 20 * time.Millisecond}
		f := asking(s)
		ctx, hangUp := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if _, err := f.ask(ctx, oneQuestion); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		hangUp()
		all.Wait()
		time.Sleep(time.Second)
		c := f.breaker.Counts()
		if s.asked.Load() != 1 || c.TotalSuccesses != 1 || c.TotalFailures != 0 {
			t.Errorf("%d lookups, %+v", s.asked.Load(), c)
		}
		if v, err := f.ask(t.Context(), oneQuestion); err != nil || !v.Vouched || s.asked.Load() != 2 {
			t.Errorf("the next: %+v, %v, %d lookups", v, err, s.asked.Load())
		}
	})
}

// Questions do not wait for each other.
func TestQuestionsDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := asking(&slowStore{before: 30 * time.Millisecond})
		began := time.Now()
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				_, err := f.ask(t.Context(), redisstore.Question{IDs: []string{fmt.Sprint("session:", i)}})
				if took := time.Since(began); err != nil || took != 30*time.Millisecond {
					t.Errorf("%v after %v", err, took)
				}
			})
		}
		all.Wait()
	})
}

// How old the vouch may be follows the bound, which may be lowered meanwhile.
func TestVouchGoesByTheBoundInEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, b := &slowStore{}, time.Minute
		f := newFallback(s, func() time.Duration { return b }, cache.Monotonic(), slog.New(slog.DiscardHandler))
		for _, b = range []time.Duration{time.Minute, 5 * time.Second} {
			for name, ask := range map[string]func() (redisstore.Verdict, error){
				"shared":        func() (redisstore.Verdict, error) { return f.ask(t.Context(), oneQuestion) },
				"strict":        func() (redisstore.Verdict, error) { return f.live(t.Context(), oneQuestion, "iss", "sid") },
				"strict, no id": func() (redisstore.Verdict, error) { return f.live(t.Context(), oneQuestion, "iss", "") },
			} {
				if _, err := ask(); err != nil || time.Duration(s.age.Load()) != b-LookupTimeout {
					t.Errorf("%s: %v with a bound of %v, %v", name, time.Duration(s.age.Load()), b, err)
				}
			}
		}
	})
}
