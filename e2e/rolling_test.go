package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv/poll"
)

// TestRollingRestart: two issuers and three edges are restarted one after the
// other, issuers beside edges, under constant load behind balancers that look
// at /readyz. No request is lost, and nothing that was revoked meanwhile is
// accepted afterwards.
func TestRollingRestart(t *testing.T) {
	c, issuers, edges := startForRolling(t)
	l := &load{cluster: c, issuer: issuers.URL, edge: edges.URL, over: make(chan struct{})}
	var clients sync.WaitGroup
	for n := range 3 {
		clients.Go(func() { l.drive(t, n) })
	}
	var rolls sync.WaitGroup
	for _, b := range []*balancer{issuers, edges} {
		rolls.Go(func() {
			if err := b.roll(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	rolls.Wait()
	close(l.over)
	clients.Wait()
	issuers.mustHaveLostNothing(t)
	edges.mustHaveLostNothing(t)
	l.mustHaveEnded(t)
}

// startForRolling starts a deployment with a balancer for each service. Edges
// get the issuers' keys through theirs.
func startForRolling(t *testing.T) (c *cluster, issuers, edges *balancer) {
	t.Helper()
	c = &cluster{setup: newSetup(t)}
	c.startServers(t)
	const wait = "CURFEW_DRAIN_DELAY=1s" // fifty looks of a balancer
	// A busy machine must not make an issuer refuse logins.
	const hashing = "CURFEW_HASH_CONCURRENCY=16"
	for n := range 2 {
		c.issuers = append(c.issuers, c.issuer(t, n, wait, hashing))
		c.issuers[n].awaitReady(t)
	}
	issuers = balance(t, c.issuers)
	for n := range 3 {
		c.edges = append(c.edges, c.edge(t, n, wait, "CURFEW_JWKS_URL="+issuers.URL+"/.well-known/jwks.json"))
		c.edges[n].awaitReady(t)
	}
	return c, issuers, balance(t, c.edges)
}

// roll restarts one backend after the other as an operator would: told to end,
// waited for, started again, and waited for until it has answered.
func (b *balancer) roll(ctx context.Context) error {
	for _, of := range b.backends {
		if err := of.roll(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (of *backendOf) roll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := of.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if code, err := of.Wait(ctx); code != 0 || err != nil {
		return fmt.Errorf("%s ended with %d: %w", of.Name(), code, err)
	}
	before := of.served.Load()
	if err := of.Restart(); err != nil {
		return err
	}
	return poll.Until(ctx, func() error {
		if of.served.Load() == before {
			return errors.New(of.Name() + " has answered nothing since its restart")
		}
		return nil
	})
}
