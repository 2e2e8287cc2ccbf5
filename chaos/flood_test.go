//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

// floodTTL is how long a flooded revocation lives.
const floodTTL = 5 * time.Minute

// shrink restarts the edges with a cache that is too small.
func shrink(ctx context.Context, r *run) error {
	for _, e := range r.edges {
		err := e.replace(func(s *proc.Spec) { s.Env = append(s.Env, "CURFEW_CACHE_ENTRIES=1000") })
		if err != nil {
			return err
		}
	}
	for _, e := range r.edges {
		if err := e.awaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// floodLog revokes tokens that nobody holds, until all edges have read it.
func floodLog(ctx context.Context, r *run) error {
	flood := make(chan events.Revocation)
	go func() {
		defer close(flood)
		for range r.flood {
			id := uuid.NewString()
			flood <- events.Revocation{
				ID: id, Scope: events.ScopeToken, Issuer: r.iss, Subject: id, TTLMillis: floodTTL.Milliseconds(),
			}
		}
	}()
	if err := r.onLog(func(log events.Log) error { return publish(ctx, log, flood) }); err != nil {
		return err
	}
	_, _, err := r.recover(ctx)
	return errors.Join(err, r.countEvicted(ctx))
}

func (r *run) countEvicted(ctx context.Context) error {
	for _, e := range r.edges {
		s, err := e.status(ctx)
		if err != nil {
			return err
		}
		r.evicted = append(r.evicted, s.Overflowed)
	}
	return nil
}

func growBack(ctx context.Context, r *run) error {
	for _, e := range r.edges {
		if err := e.restart(ctx); err != nil {
			return err
		}
	}
	return nil
}

// evicted: the flood did not fit.
func evicted(r *run, _ result) error {
	for _, n := range r.evicted {
		if n < uint64(r.flood)/2 {
			return fmt.Errorf("ids evicted by edge: %v, of %d", r.evicted, r.flood)
		}
	}
	return nil
}
