package guard_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// The promise at one edge: cut off from the log, it asks the store, and from
// the bound on nothing that was committed is accepted; cut off from both, it
// refuses; and it recovers by itself.
func TestCutOff(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(nil)
	testenv.Eventually(t, ceiling, n.Ready)
	good, ended := m.token("s-1", "", time.Hour), m.token("s-2", "", time.Hour)
	n.want(t, good, nil)
	m.toNATS.Cut()
	m.commit(events.ScopeSession, "s-2")
	_, _ = n.Check(t.Context(), ended) // may still pass; must not be remembered
	<-time.After(staleness)
	if _, err := n.Check(t.Context(), ended); err == nil {
		t.Fatal("accepted later than the bound")
	}
	n.eventually(t, ended, guard.ErrRevoked)
	n.eventually(t, good, nil)
	if n.Status().State != "stale" || n.count(t, "curfew_decisions_total", "allowed", "store") == 0 {
		t.Errorf("%+v: not the store's answer", n.Status())
	}
	m.toRedis.Cut()
	n.eventually(t, good, guard.ErrUnknown)
	n.want(t, ended, guard.ErrRevoked) // the store has told
	testenv.Must(t, errors.Join(m.toRedis.Heal(), m.toNATS.Heal()))
	testenv.Eventually(t, ceiling, func() error {
		if s := n.Status(); s.State != "fresh" || s.Store != "vouched" {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	n.want(t, good, nil)
	n.want(t, ended, guard.ErrRevoked)
}

// A store that takes connections and never answers costs a request the bound
// of the lookup, then, with the breaker open, nothing.
func TestStalledStoreIsBounded(t *testing.T) {
	m := newMesh(t)
	m.keepVouching()
	n := m.node(impatient) // no issuer answers: every answer is the store's
	good := m.token("s", "", time.Hour)
	n.eventually(t, good, nil)
	testenv.Must(t, m.toRedis.Stall())
	var all sync.WaitGroup
	for range 30 {
		raw := m.token("s", "", time.Hour)
		all.Go(func() {
			start := time.Now()
			_, err := n.Check(t.Context(), raw)
			if took := time.Since(start); !errors.Is(err, guard.ErrUnknown) || took > 30*guard.LookupTimeout {
				t.Errorf("%v after %v", err, took)
			}
		})
	}
	all.Wait()
	n.eventually(t, good, gobreaker.ErrOpenState)
	n.eventually(t, good, guard.ErrUnknown)
	testenv.Must(t, m.toRedis.Heal())
	n.eventually(t, good, nil)
}

// Lookups that are under way at once are shared by their full key: no token
// gets the answer to a question about another. Leave a part out of the key and
// this goes red.
func TestSharedLookupsDoNotMixTokens(t *testing.T) {
	m := newMesh(t)
	m.keepVouching()
	n := m.node(nil)
	n.eventually(t, m.token("s", "", time.Hour), nil)
	type question struct {
		raw     string
		revoked bool
		decided bool
	}
	var questions []*question
	for i := range 20 {
		sid, jti := fmt.Sprint("s-", i%5), fmt.Sprint("j-", i)
		q := &question{raw: m.token(sid, jti, time.Hour), revoked: i%2 == 0 || i%5 == 0}
		questions = append(questions, q)
		if i%2 == 0 {
			testenv.Must(t, m.store.Apply(t.Context(), "", []events.Revocation{revocation(events.ScopeToken, jti)}))
		}
	}
	testenv.Must(t, m.store.Apply(t.Context(), "", []events.Revocation{revocation(events.ScopeSession, "s-0")}))
	testenv.Must(t, m.toRedis.Delay(10*time.Millisecond))
	testenv.Eventually(t, ceiling, func() error {
		var all sync.WaitGroup
		for _, q := range questions {
			if q.decided { // on a busy machine it would take the others' time
				continue
			}
			all.Go(func() {
				_, err := n.Check(t.Context(), q.raw)
				if err == nil && q.revoked || errors.Is(err, guard.ErrRevoked) && !q.revoked {
					t.Errorf("revoked %t, answered %v", q.revoked, err)
				}
				q.decided = !errors.Is(err, guard.ErrUnknown)
			})
		}
		all.Wait()
		for i, q := range questions {
			if !q.decided {
				return fmt.Errorf("question %d was never decided", i)
			}
		}
		return nil
	})
}

// Those that wait for the same question share one, and so one connection: a
// stalled store does not cost one for each request.
func TestLookupsAreShared(t *testing.T) {
	m := newMesh(t)
	m.keepVouching()
	n := m.node(impatient)
	raw := m.token("s", "", time.Hour)
	n.eventually(t, raw, nil)
	testenv.Must(t, m.toRedis.Stall())
	before := m.toRedis.Conns()
	var all sync.WaitGroup
	for range 15 {
		all.Go(func() { _, _ = n.Check(t.Context(), raw) })
	}
	all.Wait()
	if more := m.toRedis.Conns() - before; more > 5 {
		t.Errorf("%d more connections for 15 requests with one question", more)
	}
}

func TestUnvouchedStoreIsNotTrusted(t *testing.T) {
	m := newMesh(t)
	n := m.node(nil)
	good, ended := m.token("s-1", "", time.Hour), m.token("s-2", "", time.Hour)
	testenv.Must(t, m.store.Apply(t.Context(), "", []events.Revocation{revocation(events.ScopeSession, "s-2")}))
	n.eventually(t, ended, guard.ErrRevoked) // a positive needs no vouch
	for range 20 {
		n.want(t, good, guard.ErrUnknown)
	}
	testenv.Eventually(t, ceiling, func() error {
		if s := n.Status().Store; s != "unvouched" {
			return errors.New(s)
		}
		return nil
	})
	m.vouchUntilAllowed(n, good)
	m.redis.Server.FlushAll()
	n.want(t, good, guard.ErrUnknown)
}

// A vouch that nobody renews ends with the bound.
func TestOldVouchIsNotTrusted(t *testing.T) {
	m := newMesh(t)
	n := m.node(nil)
	good := m.token("s", "", time.Hour)
	m.vouchUntilAllowed(n, good)
	<-time.After(staleness)
	n.want(t, good, guard.ErrUnknown)
	m.vouchUntilAllowed(n, good)
}

func TestFailOpenIsCounted(t *testing.T) {
	m := newMesh(t)
	n := m.node(func(c *guard.Config) { c.RedisURL, c.FailOpen = "", true })
	good, ended := m.token("s-1", "", time.Hour), m.token("s-2", "", time.Hour)
	n.eventually(t, good, nil)
	if got := n.count(t, "curfew_decisions_total", "allowed", "nobody"); got != 1 {
		t.Errorf("%v counted, want 1", got)
	}
	refused := n.count(t, "curfew_decisions_total", "unknown", "nobody") // before it had the keys
	m.publish("s-2")
	n.eventually(t, ended, guard.ErrRevoked) // a positive always applies
	n.want(t, "x.y.z", guard.ErrMalformed)
	if got := n.count(t, "curfew_decisions_total", "unknown", "nobody"); got != refused {
		t.Errorf("%v refused as unknown", got-refused)
	}
}
