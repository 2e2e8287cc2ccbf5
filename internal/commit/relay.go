package commit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/curfew-auth/curfew/internal/crash"
	"github.com/curfew-auth/curfew/internal/events"
)

const (
	relayInterval = 500 * time.Millisecond
	relayLimit    = 500
	// relayWindow is how many are under way at a time.
	relayWindow = 32
	// relayLook bounds how long questions wait for the store to show its
	// outbox.
	relayLook = 250 * time.Millisecond
)

// A Relay publishes revocations that were filed in the store but never settled:
// their issuer died, or could not reach the log.
type Relay struct {
	store Store
	log   events.Log
	read  func(ctx context.Context, seq uint64, r events.Revocation) error // see HasRead
	slog  *slog.Logger
	mu    sync.Mutex
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
	left, err := r.look(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	before := r.seen
	r.seen = make(map[string]bool, len(left))
	for _, rev := range left { // all of them, before anything can fail
		r.seen[rev.ID] = true
	}
	r.mu.Unlock()
	if len(left) == relayLimit { // there is more than a look shows: an issuer has died with a backlog
		return r.all(ctx)
	}
	return r.publish(ctx, slices.DeleteFunc(left, func(rev events.Revocation) bool { return !before[rev.ID] }))
}

// all publishes whatever the outbox holds, also what its issuers are about to
// publish themselves. ErrStore says that the store could not be asked.
func (r *Relay) all(ctx context.Context) error {
	for {
		look, cancel := context.WithTimeout(ctx, relayLook)
		left, err := r.look(look)
		cancel()
		if err != nil {
			return fmt.Errorf("%w: %w", errNoOutbox, err)
		}
		if err := r.publish(ctx, left); err != nil || len(left) < relayLimit {
			return err
		}
	}
}

var errNoOutbox = errors.New("commit: the outbox cannot be read")

func (r *Relay) look(ctx context.Context) ([]events.Revocation, error) {
	left, err := r.store.Outbox(ctx, relayLimit)
	if err != nil && !errors.Is(err, events.ErrBadRevocation) { // what is readable came along
		return nil, err
	}
	r.left.Store(int64(len(left)))
	return left, nil
}

// publish relays some at a time. An error of the store only leaves them in the
// outbox, to be relayed once more.
func (r *Relay) publish(ctx context.Context, left []events.Revocation) error {
	relays, ctx := errgroup.WithContext(ctx)
	relays.SetLimit(relayWindow)
	for _, rev := range left {
		relays.Go(func() error {
			seq, err := events.Publish(ctx, r.log, rev)
			if err == nil {
				err = r.read(ctx, seq, rev) // the log may lose what it acknowledged
			}
			if err != nil {
				return err
			}
			crash.Here("relay-before-settle")
			if _, err := r.store.Settle(ctx, rev); err != nil {
				return fmt.Errorf("%w: %w", errNoOutbox, err)
			}
			r.slog.Info("revocation relayed from the store to the log", "revocation_id", rev.ID, "scope", rev.Scope)
			return nil
		})
	}
	return relays.Wait()
}
