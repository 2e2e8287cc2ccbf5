package guard_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/fleet"
	"github.com/curfew-auth/curfew/internal/testenv"
)

type connection struct {
	context.Context
	release context.CancelFunc
}

func (n *node) connect(t *testing.T, raw string, mode guard.Mode) connection {
	t.Helper()
	var c connection
	testenv.Eventually(t, ceiling, func() (err error) { // on a busy machine it may not know for a moment
		c.Context, c.release, err = n.CheckLive(t.Context(), raw, mode)
		return err
	})
	t.Cleanup(c.release)
	return c
}

func (c connection) endsWith(t *testing.T, want error) {
	t.Helper()
	select {
	case <-c.Done():
		if err := context.Cause(c); !errors.Is(err, want) {
			t.Errorf("ended with %v, want %v", err, want)
		}
	case <-time.After(ceiling):
		t.Fatalf("did not end, want %v", want)
	}
}

// One session of a hundred is revoked: exactly its connections end.
func TestRevocationEndsItsConnectionsAlone(t *testing.T) {
	m := newMesh(t)
	m.keep()
	// It checks again every minute: only the log ends them in time.
	n := m.node(func(c *guard.Config) { c.Staleness = 4 * time.Minute })
	testenv.Eventually(t, ceiling, n.Ready)
	var bySession [100][]connection
	for s := range bySession {
		raw := m.token(fmt.Sprint("s-", s), fmt.Sprint("j-", s), time.Hour)
		for range 10 {
			bySession[s] = append(bySession[s], n.connect(t, raw, guard.Local))
		}
	}
	other := n.connect(t, m.token("s-7", "j-other", time.Hour), guard.Local)
	start := time.Now()
	m.commit(events.ScopeSession, "s-7")
	answered := time.Since(start)
	for _, c := range append(bySession[7], other) {
		c.endsWith(t, guard.ErrRevoked)
	}
	t.Logf("answered after %v, all ended %v later", answered, time.Since(start)-answered)
	m.commit(events.ScopeToken, "j-8")
	for _, c := range bySession[8] {
		c.endsWith(t, guard.ErrRevoked)
	}
	if n.LiveConnections() == 0 {
		t.Error("nothing is watched any more")
	}
	for s, all := range bySession {
		for _, c := range all {
			if ended := c.Err() != nil; ended != (s == 7 || s == 8) {
				t.Fatalf("session %d: %v", s, context.Cause(c))
			}
		}
	}
	if id, ok := guard.IdentityFrom(bySession[3][0]); !ok || id.SessionID != "s-3" {
		t.Errorf("%+v, %v", id, ok)
	}
}

func TestReleaseLeavesNothing(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(nil)
	testenv.Eventually(t, ceiling, n.Ready)
	raw := m.token("s-1", "", time.Hour)
	n.connect(t, raw, guard.Local).release()
	before := runtime.NumGoroutine()
	parent, end := context.WithCancel(t.Context())
	for i := range 1000 {
		live, release, err := n.CheckLive(parent, raw, guard.Stateless)
		testenv.Must(t, err)
		if i%2 == 0 {
			release()
			release()
			if !errors.Is(live.Err(), context.Canceled) {
				t.Fatal(live.Err())
			}
		}
	}
	end() // releases the others
	testenv.Eventually(t, ceiling, func() error {
		if left := n.LiveConnections(); left != 0 {
			return fmt.Errorf("%d are still watched", left)
		}
		if now := runtime.NumGoroutine(); now > before+20 {
			return fmt.Errorf("%d goroutines, %d before", now, before)
		}
		return nil
	})
}

func TestConnectionEndsWithItsToken(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(func(c *guard.Config) { c.Leeway = time.Nanosecond })
	testenv.Eventually(t, ceiling, n.Ready)
	short, long := m.token("s-1", "", 3*time.Second), m.token("s-1", "", time.Hour)
	first, second := n.connect(t, short, guard.Local), n.connect(t, long, guard.Local)
	first.endsWith(t, guard.ErrExpired)
	if second.Err() != nil {
		t.Error(context.Cause(second))
	}
}

// A node that knows nothing ends its connections, but not at once; one that
// fails open keeps them, except strict ones.
func TestConnectionsEndWithoutKnowledge(t *testing.T) {
	m := newMesh(t)
	m.keep()
	closed, open := m.node(nil), m.node(func(c *guard.Config) { c.FailOpen = true })
	testenv.Eventually(t, ceiling, func() error { return errors.Join(closed.Ready(), open.Ready()) })
	m.login("s-1")
	raw := m.token("s-1", "", time.Hour)
	c, o, strict := closed.connect(t, raw, guard.Local), open.connect(t, raw, guard.Local), open.connect(t, raw, guard.Strict)
	m.toNATS.Cut()
	testenv.Eventually(t, ceiling, func() error { // the store answers, so nothing ends
		if closed.count(t, "curfew_decisions_total", "allowed", "store") < 3 {
			return errors.New("the store has not been asked")
		}
		return nil
	})
	start := time.Now()
	m.toRedis.Cut()
	c.endsWith(t, guard.ErrUnknown)
	// It had asked at most B/4 before the cut, and on a busy machine once in vain.
	if took := time.Since(start); took < staleness/2 {
		t.Errorf("ended %v after the cut", took)
	}
	strict.endsWith(t, guard.ErrUnknown)
	if o.Err() != nil {
		t.Error(context.Cause(o))
	}
}

// With the log gone and a store that is too slow for all connections, those
// whose turn does not come end all the same.
func TestConnectionsEndWhenTheStoreIsSlow(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(nil)
	testenv.Eventually(t, ceiling, n.Ready)
	raw := m.token("s-1", "", time.Hour)
	stateless := n.connect(t, raw, guard.Stateless)
	var warm sync.WaitGroup // so that no question waits for a new connection to the store
	for range 1000 {
		another := m.token("s-2", "", time.Hour)
		warm.Go(func() { _ = n.in(t, guard.Strict, another) })
	}
	warm.Wait()
	testenv.Must(t, m.toRedis.Delay(20*time.Millisecond))
	var all [8000]connection // 16 at once, 40 ms: 20 s
	for i := range all {
		all[i] = n.connect(t, raw, guard.Local)
	}
	m.toNATS.Cut()
	m.commit(events.ScopeSession, "s-1")
	start := time.Now()
	for _, c := range all {
		select {
		case <-c.Done():
		case <-time.After(ceiling):
			t.Fatal("one did not end")
		}
	}
	if took, bound := time.Since(start), staleness*9/4+guard.LookupTimeout; took > bound+time.Second {
		t.Errorf("the last of them ended after %v, want %v", took, bound)
	}
	if stateless.Err() != nil {
		t.Error(context.Cause(stateless))
	}
}

// What the log does not bring, the next check does.
func TestConnectionIsCheckedAgain(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(nil)
	testenv.Eventually(t, ceiling, n.Ready)
	m.login("s-1")
	raw := m.token("s-1", "", time.Hour)
	local, strict := n.connect(t, raw, guard.Local), n.connect(t, raw, guard.Strict)
	m.toNATS.Cut()
	m.commit(events.ScopeSession, "s-1")
	strict.endsWith(t, guard.ErrRevoked)
	local.endsWith(t, guard.ErrRevoked)
	n.Close()
	if _, _, err := n.CheckLive(t.Context(), raw, guard.Stateless); !errors.Is(err, guard.ErrUnknown) {
		t.Errorf("after Close: %v", err)
	}
}

func TestCloseEndsConnections(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(nil)
	testenv.Eventually(t, ceiling, n.Ready)
	c := n.connect(t, m.token("s-1", "", time.Hour), guard.Stateless)
	n.Close()
	c.endsWith(t, guard.ErrUnknown)
}

// A revocation that races the start of a connection: refused, or ended.
func TestNoConnectionSlipsThrough(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(withoutStore)
	testenv.Eventually(t, ceiling, n.Ready)
	for i := range 50 {
		sid := fmt.Sprint("s-", i)
		raw := m.token(sid, "", time.Hour)
		n.want(t, raw, nil)
		done := make(chan struct{})
		go func() {
			defer close(done)
			m.publish(sid)
		}()
		for range 2000 {
			live, release, err := n.CheckLive(t.Context(), raw, guard.Local)
			if err != nil {
				if errors.Is(err, guard.ErrRevoked) {
					break
				}
				continue
			}
			select {
			case <-done:
				connection{live, release}.endsWith(t, guard.ErrRevoked)
			default:
			}
			release()
		}
		<-done
	}
}

// The same, step by step: the store is still being asked when the revocation comes,
// and does not know it yet.
func TestRevokedWhileTheStoreIsAsked(t *testing.T) {
	m := newMesh(t)
	m.vouch()
	n := m.node(func(c *guard.Config) { // it checks again every minute
		c.Staleness = 4 * time.Minute
		c.SetLookupTimeout(ceiling)
	})
	m.login("s-1")
	raw := m.token("s-1", "", time.Hour)
	n.eventuallyIn(t, guard.Strict, raw, nil)
	testenv.Must(t, m.toRedis.Stall())
	before := n.Asked()
	var c connection
	var err error
	checked := make(chan struct{})
	go func() {
		defer close(checked)
		c.Context, c.release, err = n.CheckLive(t.Context(), raw, guard.Strict)
	}()
	testenv.Eventually(t, ceiling, func() error {
		if n.Asked() == before {
			return errors.New("the store has not been asked yet")
		}
		return nil
	})
	m.publish("s-1")
	testenv.Eventually(t, ceiling, func() error {
		if !n.Holds(fleet.Entry{Scope: events.ScopeSession, Issuer: issuer, Subject: "s-1"}) {
			return errors.New("not read yet")
		}
		return nil
	})
	testenv.Must(t, m.toRedis.Heal())
	if <-checked; errors.Is(err, guard.ErrRevoked) {
		return // somebody else had asked the store
	}
	testenv.Must(t, err)
	defer c.release()
	c.endsWith(t, guard.ErrRevoked)
}

// A wider revocation ends what it covers, and nothing else.
func TestWideRevocationsEndConnections(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(func(c *guard.Config) { c.Staleness = 4 * time.Minute })
	testenv.Eventually(t, ceiling, n.Ready)
	connect := func(tenant, user string) connection {
		return n.connect(t, m.stamped(tenant, user, 1000), guard.Local)
	}
	u, v, w := connect("acme", "u"), connect("acme", "v"), connect("other", "u")
	for _, c := range []struct {
		scope           events.Scope
		tenant, subject string
		mode            events.Mode
		ends            connection
		with            error
		stays           []connection
	}{
		{events.ScopeUser, "acme", "u", events.ModeEnd, u, guard.ErrRevoked, []connection{v, w}},
		{events.ScopeTenant, "", "acme", events.ModeEnd, v, guard.ErrRevoked, []connection{w}},
		{events.ScopeAll, "", events.Everybody, events.ModeRefresh, w, guard.ErrRefreshRequired, nil},
	} {
		r := revocation(c.scope, c.subject)
		r.Tenant, r.Mode, r.Stamp = c.tenant, c.mode, 1000
		_, err := events.Publish(t.Context(), m.log, r)
		testenv.Must(t, err)
		c.ends.endsWith(t, c.with)
		for _, other := range c.stays {
			if other.Err() != nil {
				t.Errorf("%s: another ended with %v", c.scope, context.Cause(other))
			}
		}
	}
}
