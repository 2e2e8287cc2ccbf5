package commit

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/curfew-auth/curfew/internal/crash"
	"github.com/curfew-auth/curfew/internal/events"
)

const (
	relayInterval = 500 * time.Millisecond
	relayLimit    = 500
)

// A Relay publishes revocations that were filed in the store but never settled:
// their issuer died, or could not reach the log.
type Relay struct {
	store Store
	log   events.Log
	slog  *slog.Logger
	seen  map[string]bool // what the outbox held at the last look
	left  atomic.Int64    // how many that were
}

// Run relays until ctx ends.
func (r *Relay) Run(ctx context.Context) {
	pause := events.NewBackOff(relayInterval, 4*relayInterval)
	for {
		wait := relayInterval
		if err := r.once(ctx); err != nil {
			wait = pause.NextBackOff()
			r.slog.Debug("outbox not relayed", "error", err)
		} else {
			pause.Reset()
		}
		if !events.Sleep(ctx, wait) {
			return
		}
	}
}

// once publishes what the outbox already held at the last look. What is new may
// be a revocation whose issuer is just about to publish it itself; by the next
// look it is done, or needs us. No clocks are compared.
func (r *Relay) once(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout+logTimeout)
	defer cancel()
	left, err := r.store.Outbox(ctx, relayLimit)
	if err != nil && !errors.Is(err, events.ErrBadRevocation) { // what is readable came along
		return err
	}
	r.left.Store(int64(len(left)))
	before := r.seen
	r.seen = make(map[string]bool, len(left))
	for _, rev := range left {
		r.seen[rev.ID] = true
		if !before[rev.ID] {
			continue
		}
		if _, err := events.Publish(ctx, r.log, rev); err != nil {
			return err
		}
		crash.Here("relay-before-settle")
		if _, err := r.store.Settle(ctx, rev.ID); err != nil {
			return err
		}
		r.slog.Info("revocation relayed from the store to the log", "revocation_id", rev.ID, "scope", rev.Scope)
	}
	return nil
}
