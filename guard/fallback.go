package guard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"

	"github.com/curfew-auth/curfew/internal/cache"
	"github.com/curfew-auth/curfew/internal/redisstore"
)

const (
	// LookupTimeout bounds what asking the store may add to a request.
	LookupTimeout = 100 * time.Millisecond

	breakerFailures = 5           // in a row, that open the breaker
	breakerRest     = time.Second // until the store is tried again
)

var errNoStore = errors.New("guard: no store configured")

// A store is what is asked. Its calls MUST end with their context.
type store interface {
	Lookup(ctx context.Context, q redisstore.Question, staleness time.Duration) (redisstore.Verdict, error)
	Live(ctx context.Context, q redisstore.Question, issuer, sid string, staleness time.Duration) (redisstore.Verdict, error)
}

// A fallback asks the store about tokens of which the local copy does not
// know. It never keeps an answer: only requests that wait at the same time for
// the same question share one.
type fallback struct {
	lookup    store                // nil without one
	timeout   time.Duration        // LookupTimeout
	staleness func() time.Duration // the bound B, which may change
	elapsed   cache.Elapsed
	breaker   *gobreaker.CircuitBreaker[redisstore.Verdict]
	failure   atomic.Value // the store's latest
	lookups   lookups
	took      *prometheus.HistogramVec
}

func newFallback(lookup store, staleness func() time.Duration, elapsed cache.Elapsed, log *slog.Logger) *fallback {
	f := &fallback{
		lookup: lookup, timeout: LookupTimeout, staleness: staleness, elapsed: elapsed,
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "curfew_store_lookup_duration_seconds",
			Help:    "Time that asking the store took, by whether it vouched for its answer, did not, or failed; requests that wait for the same question count once.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 11), // 0.1 ms to 102 ms
		}, []string{"result"}),
	}
	f.breaker = gobreaker.NewCircuitBreaker[redisstore.Verdict](gobreaker.Settings{
		Name:          "store",
		Timeout:       breakerRest,
		ReadyToTrip:   func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= breakerFailures },
		OnStateChange: func(_ string, from, to gobreaker.State) { f.tell(log, from, to) },
	})
	return f
}

// tell logs when the store is given up and when it is back, and not each try in
// between: there is one a second.
func (f *fallback) tell(log *slog.Logger, from, to gobreaker.State) {
	switch {
	case from == gobreaker.StateClosed:
		why, _ := f.failure.Load().(failure)
		log.Warn("store fails, leaving it alone for a second at a time", "error", why.error)
	case to == gobreaker.StateClosed:
		log.Info("store answers again")
	}
}

// A failure is an error that an atomic.Value takes, whatever its type.
type failure struct{ error }

// An asked is a verdict and when, by our own clock, it was asked for.
type asked struct {
	redisstore.Verdict
	at time.Duration
}

// ask puts one question, bounded by LookupTimeout, waiting for a lookup that is
// under way included.
func (f *fallback) ask(ctx context.Context, q redisstore.Question) (redisstore.Verdict, error) {
	if f.lookup == nil {
		return redisstore.Verdict{}, errNoStore
	}
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	background := spanOf(ctx)
	answer, err := f.lookups.do(ctx, q, func() (asked, error) {
		own, cancel := context.WithTimeout(background, f.timeout)
		defer cancel()
		at := f.elapsed()
		verdict, err := f.execute(func() (redisstore.Verdict, error) { return f.lookup.Lookup(own, q, f.vouch()) })
		return asked{verdict, at}, err
	})
	if err != nil {
		return redisstore.Verdict{}, err
	}
	return f.believe(answer)
}

// vouch is how old the store's vouch may be: it must still be good when the
// answer is used.
func (f *fallback) vouch() time.Duration { return f.staleness() - f.timeout }

// execute measures what the breaker lets through to the store.
func (f *fallback) execute(ask func() (redisstore.Verdict, error)) (redisstore.Verdict, error) {
	return f.breaker.Execute(func() (redisstore.Verdict, error) {
		start := time.Now()
		verdict, err := ask()
		result := storeUnvouched
		switch {
		case err != nil:
			result = "failed"
			f.failure.Store(failure{err})
		case verdict.Vouched:
			result = storeVouched
		}
		f.took.WithLabelValues(result).Observe(time.Since(start).Seconds())
		return verdict, err
	})
}

// live asks whether the session exists now; without one, only what is revoked.
// Nobody shares the answer: one who
// joined a question that was under way could be told of the time before.
func (f *fallback) live(ctx context.Context, q redisstore.Question, issuer, sid string) (redisstore.Verdict, error) {
	if f.lookup == nil {
		return redisstore.Verdict{}, errNoStore
	}
	// A client that hangs up must not count against the store.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.timeout)
	defer cancel()
	at := f.elapsed()
	verdict, err := f.execute(func() (redisstore.Verdict, error) {
		if sid == "" {
			return f.lookup.Lookup(ctx, q, f.vouch())
		}
		return f.lookup.Live(ctx, q, issuer, sid, f.vouch())
	})
	if err != nil {
		return redisstore.Verdict{}, err
	}
	return f.believe(asked{verdict, at})
}

// believe drops a verdict that was asked for too long ago. A process that was
// stopped while the reply lay in its socket would otherwise take it, on
// waking, for an answer to the requests that came in meanwhile.
func (f *fallback) believe(a asked) (redisstore.Verdict, error) {
	if age := f.elapsed() - a.at; age > f.timeout && !a.Revoked && !a.Outdated {
		return redisstore.Verdict{}, fmt.Errorf("guard: the store's answer is %s old", age)
	}
	return a.Verdict, nil
}
