package guard_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// login files a session in the store, as an issuer does.
func (m *mesh) login(sid string) {
	m.t.Helper()
	s := session.Session{ID: sid, Issuer: issuer, Tenant: "default", UserID: "u-1"}
	testenv.Eventually(m.t, ceiling, func() error {
		_, err := m.store.Create(m.t.Context(), session.Opening{Session: s, Idle: time.Hour, Lifetime: time.Hour})
		return err
	})
}

func (n *node) in(t *testing.T, mode guard.Mode, raw string) error {
	t.Helper()
	_, err := n.CheckMode(t.Context(), raw, mode)
	return err
}

func (n *node) eventuallyIn(t *testing.T, mode guard.Mode, raw string, want error) {
	t.Helper()
	testenv.Eventually(t, ceiling, func() error {
		if err := n.in(t, mode, raw); !errors.Is(err, want) {
			return errors.Join(errors.New("not the wanted answer"), err)
		}
		return nil
	})
}

func TestStatelessNeedsNoLogAndKnowsNoRevocation(t *testing.T) {
	m := newMesh(t)
	n := m.node(func(c *guard.Config) { c.RedisURL, c.Mode = "", guard.Stateless })
	m.toNATS.Cut()
	testenv.Eventually(t, ceiling, n.Ready) // keys are enough
	good := m.token("s-1", "", time.Hour)
	n.want(t, good, nil)
	for raw, want := range map[string]error{
		good[:len(good)-4] + "AAAA": guard.ErrInvalid, "x": guard.ErrMalformed, m.token("s", "", -time.Hour): guard.ErrExpired,
	} {
		if err := n.in(t, guard.Stateless, raw); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	if err := n.in(t, guard.Local, good); !errors.Is(err, guard.ErrUnknown) {
		t.Errorf("local without log and store: %v", err)
	}
	testenv.Must(t, m.toNATS.Heal())
	m.publish("s-1")
	n.eventuallyIn(t, guard.Local, good, guard.ErrRevoked)
	n.want(t, good, nil)
	if got := n.count(t, "curfew_decisions_total", "allowed", "token"); got != 2 {
		t.Errorf("%v counted, want 2", got)
	}
}

// Strict is an allow-list: what the store does not hold is over, though nobody
// revoked it.
func TestStrictWantsTheSessionToExist(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(nil)
	testenv.Eventually(t, ceiling, n.Ready)
	m.login("s-1")
	held, gone := m.token("s-1", "j-1", time.Hour), m.token("s-2", "", time.Hour)
	n.want(t, gone, nil)
	n.eventuallyIn(t, guard.Strict, held, nil)
	n.eventuallyIn(t, guard.Strict, gone, guard.ErrRevoked)
	n.eventuallyIn(t, guard.Mode(200), gone, guard.ErrRevoked)
	m.commit(events.ScopeToken, "j-1")
	n.eventuallyIn(t, guard.Strict, held, guard.ErrRevoked)
	n.eventuallyIn(t, guard.Strict, m.token("s-1", "", time.Hour), nil)
}

// What the log does not say yet, the store does.
func TestStrictIsExact(t *testing.T) {
	m := newMesh(t)
	m.keepVouching()
	n := m.node(nil)
	n.eventually(t, m.token("s", "", time.Hour), nil)
	testenv.Must(t, m.toRedis.Delay(8*time.Millisecond)) // each way
	for range 20 {
		sid := time.Now().Format("s-150405.000000000")
		m.login(sid)
		raw := m.token(sid, "", time.Hour)
		n.eventuallyIn(t, guard.Strict, raw, nil)
		var others sync.WaitGroup
		before := m.redis.Server.CommandCount()
		for range 3 { // questions that are answered, but whose answer is under way, when the session ends
			others.Go(func() { _ = n.in(t, guard.Strict, raw) })
		}
		testenv.Eventually(t, ceiling, func() error {
			if m.redis.Server.CommandCount() == before {
				return errors.New("the store has not been asked yet")
			}
			return nil
		})
		testenv.Must(t, m.store.Apply(t.Context(), "", []events.Revocation{revocation(events.ScopeSession, sid)}))
		if err := n.in(t, guard.Strict, raw); err == nil {
			t.Error("accepted after the session had ended")
		}
		others.Wait()
	}
}

func TestStrictNeverFailsOpen(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(func(c *guard.Config) { c.FailOpen, c.Mode = true, guard.Strict })
	m.login("s-1")
	good := m.token("s-1", "", time.Hour)
	n.eventually(t, good, nil)
	m.toRedis.Cut()
	n.want(t, good, guard.ErrUnknown)
	if err := n.in(t, guard.Local, good); err != nil {
		t.Errorf("local: %v", err)
	}
	testenv.Must(t, m.toRedis.Heal())
	n.eventually(t, good, nil)
	m.commit(events.ScopeSession, "s-1")
	m.toRedis.Cut()
	n.eventually(t, good, guard.ErrRevoked) // the copy's positive stands
}

func TestStrictNeedsAVouch(t *testing.T) {
	m := newMesh(t)
	m.vouch()
	n := m.node(func(c *guard.Config) { c.FailOpen = true })
	m.login("s-1")
	good, gone := m.token("s-1", "", time.Hour), m.token("s-2", "", time.Hour)
	testenv.Eventually(t, ceiling, n.remoteReady(t, good))
	<-time.After(staleness) // nobody renews it
	for _, raw := range []string{good, gone} {
		if err := n.in(t, guard.Strict, raw); !errors.Is(err, guard.ErrUnknown) {
			t.Errorf("%v, want unknown", err)
		}
	}
	for raw, want := range map[string]error{good: nil, gone: guard.ErrRevoked} {
		testenv.Eventually(t, ceiling, func() error {
			m.vouch() // one alone may be over before a busy machine has answered
			if err := n.in(t, guard.Strict, raw); !errors.Is(err, want) {
				return errors.Join(errors.New("not the wanted answer"), err)
			}
			return nil
		})
	}
}

func (n *node) remoteReady(t *testing.T, raw string) func() error {
	return func() error { return n.in(t, guard.Stateless, raw) }
}

func TestModesByName(t *testing.T) {
	for _, m := range []guard.Mode{guard.Stateless, guard.Local, guard.Strict} {
		if got, err := guard.ParseMode(m.String()); got != m || err != nil {
			t.Errorf("%v: %v, %v", m, got, err)
		}
	}
	if m, err := guard.ParseMode("Strict"); m != guard.Strict || err == nil {
		t.Errorf("%v, %v", m, err)
	}
	order := []guard.Mode{guard.Stateless, guard.Local, guard.Strict}
	for i, a := range order {
		for j, b := range order {
			if got := a.Stricter(b); got != order[max(i, j)] {
				t.Errorf("%v, %v: %v", a, b, got)
			}
		}
	}
}

// A decision in memory allocates nothing, in any mode that needs no network.
func TestDecisionInMemoryAllocatesNothing(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(alone)
	testenv.Eventually(t, ceiling, n.Ready)
	raw := m.token("s", "", time.Hour)
	n.want(t, raw, nil)
	for _, mode := range []guard.Mode{guard.Local, guard.Stateless} {
		if got := testing.AllocsPerRun(1000, func() { _, _ = n.CheckMode(t.Context(), raw, mode) }); got >= 1 {
			t.Errorf("%v: %v allocations", mode, got)
		}
	}
}
