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
	turn  chan struct{} // holds one value while all runs
	mu    sync.Mutex
	seen  map[string]bool // what the outbox held at the last look
	left  atomic.Int64    // how many that were

	published map[string]time.Time // and not settled since, by filing
}

func newRelay(store Store, log events.Log, read func(context.Context, uint64, events.Revocation) error, logger *slog.Logger) *Relay {
	return &Relay{store: store, log: log, read: read, slog: logger, turn: make(chan struct{}, 1)}
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
	limit := r.limit()
	left, err := r.look(ctx, limit)
	if err != nil {
		return err
	}
	r.mu.Lock()
	before := r.seen
	r.seen = make(map[string]bool, len(left))
	for _, rev := range left { // all of them, before anything can fail
		r.seen[rev.Filing()] = true
	}
	r.mu.Unlock()
	if len(left) == limit { // there is more than a look shows: an issuer has died with a backlog
		return r.all(ctx, true)
	}
	r.forget(left)
	left = slices.DeleteFunc(left, func(rev events.Revocation) bool { return !before[rev.Filing()] })
	if err := r.publish(ctx, left); err != nil {
		return err
	}
	return r.settle(ctx, left)
}

// all publishes whatever the outbox holds, also what its issuers are about to
// publish themselves. errNoOutbox says that the store could not show it. A store
// that shows it and takes nothing is no error: the log has it all. Calls take turns.
func (r *Relay) all(ctx context.Context, settle bool) error {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		limit := r.limit()
		look, cancel := context.WithTimeout(ctx, relayLook)
		left, err := r.look(look, limit)
		cancel()
		if err != nil {
			return fmt.Errorf("%w: %w", errNoOutbox, err)
		}
		if err := r.publish(ctx, left); err != nil {
			return err
		}
		if settle {
			within, cancel := context.WithTimeout(ctx, relayLook)
			_ = r.settle(within, left)
			cancel()
		}
		if len(left) < limit {
			return nil
		}
	}
}

var errNoOutbox = errors.New("commit: the outbox cannot be read")

func (r *Relay) look(ctx context.Context, limit int) ([]events.Revocation, error) {
	left, err := r.store.Outbox(ctx, limit)
	if err != nil && !errors.Is(err, events.ErrBadRevocation) { // what is readable came along
		return nil, err
	}
	r.left.Store(int64(len(left)))
	return left, nil
}

// limit is how much of the outbox is looked at: what is published at a time, and what
// is published already.
func (r *Relay) limit() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return relayLimit + len(r.published)
}

// publish brings into the log, some at a time, what it has not brought there lately.
func (r *Relay) publish(ctx context.Context, left []events.Revocation) error {
	relays, ctx := errgroup.WithContext(ctx)
	relays.SetLimit(relayWindow)
	for _, rev := range left {
		if r.isPublished(rev) {
			continue
		}
		relays.Go(func() error {
			seq, err := events.Publish(ctx, r.log, rev)
			if err == nil {
				err = r.read(ctx, seq, rev) // the log may lose what it acknowledged
			}
			if err != nil {
				return err
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.published == nil {
				r.published = make(map[string]time.Time)
			}
			r.published[rev.Filing()] = time.Now()
			return nil
		})
	}
	return relays.Wait()
}

// publishAgain is when what the log has taken, and the store has not let go of, is
// published once more. Otherwise the log would fill with copies, and a log that has
// lost it is put back from the store anyway.
const publishAgain = 10 * time.Minute

func (r *Relay) isPublished(rev events.Revocation) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.published[rev.Filing()]
	return ok && time.Since(at) < publishAgain
}

// settle takes out of the outbox what has been published. It ends with the first
// error: a store that takes nothing is not asked for each.
func (r *Relay) settle(ctx context.Context, left []events.Revocation) error {
	settles, ctx := errgroup.WithContext(ctx)
	settles.SetLimit(relayWindow)
	for _, rev := range left {
		settles.Go(func() error {
			crash.Here("relay-before-settle")
			n, err := r.store.Settle(ctx, rev)
			if err != nil {
				return err
			}
			if n > 0 {
				r.slog.Info("revocation relayed from the store to the log", "revocation_id", rev.ID, "scope", rev.Scope)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			delete(r.published, rev.Filing())
			return nil
		})
	}
	return settles.Wait()
}

// forget drops what is not in the outbox any more: another issuer has settled it.
func (r *Relay) forget(left []events.Revocation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	still := make(map[string]time.Time, len(r.published))
	for _, rev := range left {
		if at, ok := r.published[rev.Filing()]; ok {
			still[rev.Filing()] = at
		}
	}
	r.published = still
}
