//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/chaos/history"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

// crashPoint is the environment variable that package crash reads.
const crashPoint = "CRASHPOINT"

// eventually is a ceiling for slow machines. Nothing is promised about a
// revocation that was not answered, except that it does not get lost halfway.
const eventually = 30 * time.Second

// A crashing is a cluster with one more issuer, which can be made to die.
type crashing struct {
	*cluster
	*workload
	victim *node
}

// TestCrash kills an issuer between every two steps of a revocation. The caller
// gets no 200; and if the store has taken the revocation, another issuer carries it on.
func TestCrash(t *testing.T) {
	c := startCluster(t)
	r := &crashing{cluster: c, workload: &workload{cluster: c}}
	spec := c.issuerSpec(3)
	spec.Path = testenv.BuildCrashing(t)
	r.victim = c.startNode("issuer", spec)
	for _, place := range []string{"before-store", "before-log", "before-settle", "before-answer"} {
		t.Run(place, func(t *testing.T) { r.crash(t, place) })
	}
	t.Run("relay-before-settle", r.crashRelay)
	if err := history.Check(r.rec.History(), staleness, 0).Err(); err != nil {
		t.Error(err)
	}
}

func (r *crashing) crash(t *testing.T, place string) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*eventually)
	defer cancel()
	ended, other := r.someSession(t), r.someSession(t)
	r.dieAt(t, ctx, place)
	testenv.Must(t, r.victim.awaitReady(ctx))
	r.logoutInVain(t, ctx, ended)
	if place == "before-store" {
		r.everyEdge(t, ended, history.Accepted)
	} else {
		r.everyEdge(t, ended, history.Refused)
	}
	r.everyEdge(t, other, history.Accepted)
}

// crashRelay leaves a revocation in the store's outbox, has the relay of the
// only issuer die after publishing it, and then lets others tidy up.
func (r *crashing) crashRelay(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*eventually)
	defer cancel()
	r.awaitEmptyOutbox(t) // of what the deaths before this one left
	ended, other := r.someSession(t), r.someSession(t)
	r.dieAt(t, ctx, "before-log")
	testenv.Must(t, r.victim.awaitReady(ctx))
	for _, i := range r.issuers {
		testenv.Must(t, i.Kill())
	}
	r.logoutInVain(t, ctx, ended)
	r.dieAt(t, ctx, "relay-before-settle")
	r.awaitDeath(t, ctx)
	r.everyEdge(t, ended, history.Refused)
	if n := r.outbox(t); n != 1 {
		t.Errorf("the outbox holds %d revocations, want the one that was published and not settled", n)
	}
	for _, i := range r.issuers {
		testenv.Must(t, i.restart(ctx))
	}
	r.awaitEmptyOutbox(t)
	r.everyEdge(t, ended, history.Refused)
	r.everyEdge(t, other, history.Accepted)
}

func (r *crashing) awaitEmptyOutbox(t *testing.T) {
	t.Helper()
	testenv.Eventually(t, eventually, func() error {
		if n := r.outbox(t); n != 0 {
			return fmt.Errorf("the outbox still holds %d revocations", n)
		}
		return nil
	})
}

// dieAt starts the victim so that it dies when it gets to a place.
func (r *crashing) dieAt(t *testing.T, ctx context.Context, place string) {
	t.Helper()
	testenv.Must(t, r.victim.replace(func(s *proc.Spec) { s.Env = append(s.Env, crashPoint+"="+place) }))
}

func (r *crashing) someSession(t *testing.T) *token {
	t.Helper()
	s := r.login(t.Context(), r.issuers[1])
	if s == nil {
		t.Fatal("login failed")
	}
	return s.tokens[0]
}

// logoutInVain asks the victim, which dies before it can answer.
func (r *crashing) logoutInVain(t *testing.T, ctx context.Context, token *token) {
	t.Helper()
	if got := r.logout(ctx, r.victim, token); got != history.Lost {
		t.Fatalf("logout: %s, want no answer", got)
	}
	r.awaitDeath(t, ctx)
}

func (r *crashing) awaitDeath(t *testing.T, ctx context.Context) {
	t.Helper()
	code, err := r.victim.Wait(ctx)
	testenv.Must(t, err)
	if code != -1 {
		t.Fatalf("the issuer ended with %d instead of being killed", code)
	}
}

// everyEdge waits until all edges answer a token so.
func (r *crashing) everyEdge(t *testing.T, token *token, want history.CallOutcome) {
	t.Helper()
	start := time.Now()
	testenv.Eventually(t, eventually, func() error {
		var errs []error
		for _, e := range r.edges {
			if got := r.call(t.Context(), e, token); got != want {
				errs = append(errs, fmt.Errorf("%s: %s, want %s", e.spec.Name, got, want))
			}
		}
		return errors.Join(errs...)
	})
	t.Logf("%s everywhere after %v", want, time.Since(start).Round(time.Millisecond))
}

// outbox counts what the store has taken and nobody has settled.
func (r *crashing) outbox(t *testing.T) int64 {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: r.redis.Addr(), Protocol: 2, DisableIdentity: true})
	defer c.Close()
	n, err := c.HLen(t.Context(), "curfew:{"+region+"}:outbox").Result()
	testenv.Must(t, err)
	return n
}
