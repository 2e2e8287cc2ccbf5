package commit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/commit/memstore"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/events/memlog"
)

const (
	staleness = 5 * time.Second
	// lookupTimeout is what package guard leaves between the vouch it
	// believes and the bound.
	lookupTimeout = 100 * time.Millisecond
	iss           = "https://issuer.test"
	accessTTL     = 15 * time.Minute
)

var quiet = slog.New(slog.DiscardHandler)

// A world is a log, a store, and the issuers and edges on them.
type world struct {
	t     *testing.T
	ctx   context.Context
	log   *tape
	x     *memlog.Exchange
	store *memstore.Store
}

// storeSkew is how far off the store's clock is.
const storeSkew = -time.Hour

// inWorld runs test in a synctest bubble.
func inWorld(t *testing.T, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer func() {
			cancel()
			time.Sleep(time.Minute) // virtual: whatever was paced or timed has ended
			synctest.Wait()
		}()
		test(&world{
			t: t, ctx: ctx, log: newTape(), x: &memlog.Exchange{},
			store: memstore.New(storeSkew, t.Errorf),
		})
	})
}

func (w *world) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// within fails the test unless cond holds after some multiple of 50 ms.
func (w *world) within(d time.Duration, what string, cond func() bool) {
	w.t.Helper()
	for start := time.Now(); !cond(); w.sleep(50 * time.Millisecond) {
		if time.Since(start) > d {
			w.t.Fatalf("not within %s: %s", d, what)
		}
	}
}

// settled waits until log and store are whole and every issuer says so.
func (w *world) settled(issuers ...*issuer) {
	w.t.Helper()
	w.within(20*time.Second, "whole again", func() bool {
		for _, i := range issuers {
			if !i.keeper.Answering() || !i.keeper.Vouched() {
				return false
			}
		}
		return w.store.Unsettled() == 0
	})
}

func (w *world) vouched() bool {
	v, err := w.store.Lookup(staleness-lookupTimeout, "nobody")
	return err == nil && v.Vouched
}

// An issuer is a Committer and a Keeper that can be killed between two steps.
type issuer struct {
	*commit.Committer
	keeper *commit.Keeper
	*life
}

func (w *world) issuer(name string) *issuer { return w.issuerOn(name, w.log) }

func (w *world) issuerOn(name string, log events.Log) *issuer {
	ctx, cancel := context.WithCancel(w.ctx)
	i := &issuer{life: &life{leave: []func(){cancel}}}
	i.Committer = commit.NewCommitter(w.store.Client(i.step), mortalLog{log, i.life}, iss, accessTTL, quiet)
	i.keeper = commit.NewKeeper(i.Committer, mortalExchange{w.x, i.life}, name, staleness, quiet)
	go i.keeper.Run(ctx)
	return i
}

// committer is one that reads the log, and nothing else is kept.
func (w *world) committer(store commit.Store) *commit.Committer {
	c := commit.NewCommitter(store, w.log, iss, accessTTL, quiet)
	go c.Follow(w.ctx)
	synctest.Wait()
	return c
}

// revoke ends a session, and notes what was promised, if anything.
func (w *world) revoke(i *issuer, sid string) (committed bool, err error) {
	receipt, err := i.Revoke(w.ctx, events.ScopeSession, sid, "test", "test")
	if i.dead() {
		return false, errKilled // nobody has got the answer
	}
	if err == nil && receipt.Committed {
		w.store.Owe(key(sid), accessTTL)
	}
	return err == nil && receipt.Committed, err
}

func (w *world) mustCommit(i *issuer, n int) (sids []string) {
	w.t.Helper()
	for range n {
		sids = append(sids, fmt.Sprint("sid-", time.Now().UnixNano(), "-", len(sids)))
		if ok, err := w.revoke(i, sids[len(sids)-1]); !ok || err != nil {
			w.t.Fatalf("not committed: %v", err)
		}
	}
	w.sleep(time.Second) // until they are settled
	return sids
}

// wantBoth fails the test unless both copies hold every one of them.
func (w *world) wantBoth(sids ...string) {
	w.t.Helper()
	for _, sid := range sids {
		if inLog, inStore := w.log.holds(sid), w.store.Holds(key(sid)); !inLog || !inStore {
			w.t.Fatalf("%s: in the log %t, in the store %t, want both", sid, inLog, inStore)
		}
	}
}

func key(sid string) string { return events.Key(events.ScopeSession, iss, sid) }

var errKilled = errors.New("killed")

// A life ends between two steps; steps taken after it have no effect.
type life struct {
	mu    sync.Mutex
	over  bool
	dieAt string // the step that is not taken any more
	slow  string // the step that says so in reached and waits for gate

	reached, gate chan struct{}
	leave         []func() // what the system does for a dead process
}

func (l *life) step(op string) error {
	l.mu.Lock()
	last, slow := !l.over && l.dieAt == op, l.slow == op
	if slow {
		l.slow = ""
		close(l.reached)
	}
	l.mu.Unlock()
	if slow {
		<-l.gate
	}
	if last {
		l.kill()
	}
	if l.dead() {
		return errKilled
	}
	return nil
}

func (l *life) dieBefore(op string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dieAt = op
}

// hold makes one step, which closes reached, wait until release is called.
func (l *life) hold(op string) (reached <-chan struct{}, release func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slow, l.reached, l.gate = op, make(chan struct{}), make(chan struct{})
	return l.reached, func() { close(l.gate) }
}

func (l *life) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	for _, leave := range l.leave {
		leave()
	}
	l.leave = nil
}

func (l *life) dead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}
