package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/session"
)

func attemptTests() []test {
	return []test{
		{"as many failures as the threshold lock", failuresLock},
		{"parallel attempts get no more than the threshold", parallelBounded},
		{"a success forgets failures", successForgets},
		{"a void attempt does not count", voidDoesNotCount},
		{"failures leave with their window", failuresLeave},
		{"a lock ends by itself", lockEnds},
		{"accounts do not cross, threshold 0 never locks", accountsApart},
		{"a network is throttled over all accounts", networkThrottled},
		{"what counts an attempt begins at the first and ends, however many follow", windowsEnd},
		{"an unlock lifts all", unlockLifts},
		{"all that attempts leave expires", attemptsExpire},
	}
}

// A gate is one issuer's view of the counts.
type gate struct {
	*redisstore.Attempts
	limits session.LoginLimits
}

func newGate(r *room) gate {
	return gate{redisstore.NewAttempts(r.rdb, r.prefix[len("curfew:{"):len(r.prefix)-2]), session.LoginLimits{
		LockThreshold: 3, LockWindow: time.Minute, LockDuration: 10 * time.Minute, IPLimit: 1000, IPWindow: time.Minute,
	}}
}

func attempt(account, network string) session.Attempt {
	return session.Attempt{ID: uuid.NewString(), Account: account, Network: network}
}

// try begins and settles one attempt.
func (g gate) try(t *testing.T, a session.Attempt, o session.Outcome) (locked bool) {
	t.Helper()
	must(t, g.Begin(t.Context(), a, g.limits))
	locked, err := g.Settle(t.Context(), a, g.limits, o)
	must(t, err)
	return locked
}

func (g gate) refused(t *testing.T, a session.Attempt, want error, least, most time.Duration) {
	t.Helper()
	err := g.Begin(t.Context(), a, g.limits)
	wantError(t, "begin", err, want)
	d, ok := errors.AsType[*session.Delay](err)
	if !ok || d.After < least || d.After > most {
		t.Fatalf("come back after %+v, want %v to %v", d, least, most)
	}
}

func failuresLock(t *testing.T, r *room) {
	one, two := newGate(r), newGate(r)
	equal(t, "locked by the first", one.try(t, attempt("a", "n"), session.Failed), false)
	equal(t, "locked by the second", two.try(t, attempt("a", "m"), session.Failed), false)
	equal(t, "locked by the third", one.try(t, attempt("a", "n"), session.Failed), true)
	two.refused(t, attempt("a", "n"), session.ErrLocked, 9*time.Minute, 10*time.Minute)
	one.refused(t, attempt("a", "m"), session.ErrLocked, 9*time.Minute, 10*time.Minute)
}

func parallelBounded(t *testing.T, r *room) {
	g := newGate(r)
	var admitted atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if err := g.Begin(t.Context(), attempt("a", "n"), g.limits); err == nil {
				admitted.Add(1)
			} else if !errors.Is(err, session.ErrInFlight) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	equal(t, "admitted", int(admitted.Load()), g.limits.LockThreshold)
}

func successForgets(t *testing.T, r *room) {
	g := newGate(r)
	for range 5 {
		g.try(t, attempt("a", "n"), session.Failed)
		g.try(t, attempt("a", "n"), session.Failed)
		g.try(t, attempt("a", "n"), session.Succeeded)
	}
}

func voidDoesNotCount(t *testing.T, r *room) {
	g := newGate(r)
	g.limits.IPLimit = 4
	for range 10 {
		equal(t, "locked", g.try(t, attempt("a", "n"), session.Void), false)
	}
	must(t, g.Begin(t.Context(), attempt("a", "n"), g.limits))
}

func failuresLeave(t *testing.T, r *room) {
	g := newGate(r)
	g.limits.LockWindow = time.Second // in which the next four must fit
	g.try(t, attempt("a", "n"), session.Failed)
	g.try(t, attempt("a", "n"), session.Failed)
	must(t, g.Begin(t.Context(), attempt("a", "n"), g.limits)) // and never settled
	wantError(t, "begin", g.Begin(t.Context(), attempt("a", "n"), g.limits), session.ErrInFlight)
	eventually(t, "the failures are out of the window", func() bool {
		return g.Begin(t.Context(), attempt("a", "n"), g.limits) == nil
	})
}

func lockEnds(t *testing.T, r *room) {
	g := newGate(r)
	g.limits.LockDuration = time.Second
	for range 3 {
		g.try(t, attempt("a", "n"), session.Failed)
	}
	g.refused(t, attempt("a", "n"), session.ErrLocked, time.Millisecond, time.Second)
	eventually(t, "the lock ends", func() bool { return g.Begin(t.Context(), attempt("a", "n"), g.limits) == nil })
	// The count began anew: of the threshold, one is in flight.
	must(t, g.Begin(t.Context(), attempt("a", "n"), g.limits))
}

func accountsApart(t *testing.T, r *room) {
	g := newGate(r)
	for range 3 {
		g.try(t, attempt("a", "n"), session.Failed)
	}
	g.try(t, attempt("b", "n"), session.Failed)
	g.limits.LockThreshold = 0
	for range 20 {
		equal(t, "locked", g.try(t, attempt("a", "n"), session.Failed), false)
	}
}

func networkThrottled(t *testing.T, r *room) {
	g := newGate(r)
	g.limits.IPLimit = 4
	for _, account := range []string{"a", "b", "c", "d"} {
		g.try(t, attempt(account, "n"), session.Failed)
		g.try(t, attempt(account, "other"), session.Succeeded)
	}
	g.refused(t, attempt("e", "n"), session.ErrThrottled, 50*time.Second, time.Minute)
	g.try(t, attempt("e", "other"), session.Failed)
	g.try(t, attempt("f", ""), session.Failed) // of unknown address
	g.limits.IPLimit = 0
	g.try(t, attempt("e", "n"), session.Failed)
}

// windowsEnd: who goes on trying neither moves the network's window on, nor keeps
// an attempt in flight whose issuer has died.
func windowsEnd(t *testing.T, r *room) {
	g := newGate(r)
	g.limits.LockThreshold = 2
	lost := attempt("a", "n")
	must(t, g.Begin(t.Context(), lost, g.limits))
	for _, key := range r.keys(t, "trying:*") {
		began := float64(time.Now().Add(-2 * time.Minute).UnixMilli())
		must(t, r.rdb.ZAdd(t.Context(), key, redis.Z{Score: began, Member: lost.ID}).Err())
	}
	must(t, r.rdb.PExpire(t.Context(), r.prefix+"net:n", 30*time.Second).Err())
	for range 2 { // both are in flight
		must(t, g.Begin(t.Context(), attempt("a", "n"), g.limits))
	}
	wantError(t, "a third", g.Begin(t.Context(), attempt("a", "n"), g.limits), session.ErrInFlight)
	if d := r.rdb.PTTL(t.Context(), r.prefix+"net:n").Val(); d <= 0 || d > 30*time.Second {
		t.Errorf("the network's window ends in %v", d)
	}
	must(t, r.rdb.Del(t.Context(), r.prefix+"net:n").Err()) // as its expiry does
	_, err := g.Settle(t.Context(), lost, g.limits, session.Succeeded)
	must(t, err)
	equal(t, "counts of the network that nothing would end", len(r.keys(t, "net:n")), 0)
}

func unlockLifts(t *testing.T, r *room) {
	g := newGate(r)
	g.limits.IPLimit = 3
	for range 3 {
		g.try(t, attempt("a", "n"), session.Failed)
	}
	lift := func(a session.Attempt) bool {
		lifted, err := g.Unlock(t.Context(), a)
		must(t, err)
		return lifted
	}
	equal(t, "lifted of nobody", lift(session.Attempt{Account: "b"}), false)
	equal(t, "lifted of nothing", lift(session.Attempt{}), false)
	equal(t, "lifted of the account", lift(session.Attempt{Account: "a"}), true)
	g.refused(t, attempt("a", "n"), session.ErrThrottled, time.Second, time.Minute)
	equal(t, "lifted of the network", lift(session.Attempt{Network: "n"}), true)
	g.try(t, attempt("a", "n"), session.Failed)
	equal(t, "lifted of what is not locked yet", lift(session.Attempt{Account: "a"}), true)
}

func attemptsExpire(t *testing.T, r *room) {
	g := newGate(r)
	for range 3 {
		g.try(t, attempt("a", "n"), session.Failed)
	}
	g.try(t, attempt("b", "n"), session.Failed)
	must(t, g.Begin(t.Context(), attempt("b", "n"), g.limits))
	g.try(t, attempt("c", "n"), session.Succeeded)
	names := r.keys(t, "*:*")
	equal(t, "keys", len(names), 5) // lock of a, failed and trying of b, the network, and the refill
	for _, key := range names {
		if d := r.rdb.PTTL(t.Context(), key).Val(); d <= 0 || d > 10*time.Minute {
			t.Errorf("%s lives for %v", key, d)
		}
	}
}
