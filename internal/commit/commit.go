package commit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/curfew-auth/curfew/internal/crash"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/session"
)

const (
	storeTimeout = time.Second
	logTimeout   = 2 * time.Second

	// Margin is how much longer than the longest access token a revocation
	// is kept. It covers the edges' leeway, the staleness bound, and clocks
	// that differ: an edge whose clock is behind takes a token for good
	// longer than others do.
	Margin = 15 * time.Minute
)

// A Committer revokes. Its zero value is not usable; see [NewCommitter].
type Committer struct {
	store   Store
	log     events.Log
	issuer  string
	ttl     time.Duration
	slog    *slog.Logger
	seen    atomic.Int64 // the highest stamp that this issuer has seen
	heard   atomic.Int64 // … and the highest that another said there could be
	whole   atomic.Bool  // the store has been found whole, once
	clock   atomic.Pointer[reading]
	expiry  atomic.Pointer[time.Time] // of the last token that was handed out, as far as is known
	metrics *metrics
}

// NewCommitter makes a committer for the tokens of one issuer, none of which
// lives longer than accessTTL.
func NewCommitter(store Store, log events.Log, issuer string, accessTTL time.Duration, logger *slog.Logger) *Committer {
	return &Committer{store: store, log: log, issuer: issuer, ttl: accessTTL + Margin, slog: logger, metrics: newMetrics()}
}

// Revoke is Commit for what is revoked by its id alone.
func (c *Committer) Revoke(ctx context.Context, scope events.Scope, subject, reason, actor string) (session.Receipt, error) {
	return c.Commit(ctx, events.Revocation{Scope: scope, Subject: subject, Reason: reason, Actor: actor})
}

// Commit commits a revocation and reports how far it has got. The caller gives
// scope, tenant, subject, mode, reason and actor; and, if the tokens are not
// our issuer's, whose they are and how long the revocation lives, which MUST be
// [Margin] longer than any of them. Once begun it is carried through even if
// ctx ends. The error wraps session.ErrUnavailable when
// neither store nor log took it; nothing is claimed then, though it may yet
// take effect.
func (c *Committer) Commit(ctx context.Context, r events.Revocation) (session.Receipt, error) {
	start := time.Now()
	ctx = context.WithoutCancel(ctx)
	r.ID = uuid.NewString()
	if r.Issuer == "" {
		r.Issuer, r.TTLMillis = c.issuer, c.ttlNow().Milliseconds()
	}
	if _, err := r.Encode(); err != nil {
		return session.Receipt{}, err
	}
	crash.Here("before-store")
	r, storeErr := c.toStore(ctx, r)
	crash.Here("before-log")
	seq, logErr := c.toLog(ctx, r)
	crash.Here("before-settle")
	if storeErr == nil && logErr == nil {
		storeErr = c.settle(ctx, r)
	}
	c.metrics.observe(r.Scope, statusOf(storeErr, logErr), start)
	if storeErr != nil && logErr != nil {
		return session.Receipt{}, fmt.Errorf("%w: %w", session.ErrUnavailable, errors.Join(storeErr, logErr))
	}
	receipt := session.Receipt{
		RevocationID: r.ID, Scope: r.Scope, Subject: r.Subject, Held: r, Seq: seq,
		Committed: storeErr == nil && logErr == nil && c.ordered(r),
	}
	if !receipt.Committed {
		c.slog.WarnContext(ctx, "revocation pending", "revocation_id", r.ID, "store_error", storeErr, "log_error", logErr)
	}
	crash.Here("before-answer")
	receipt.Elapsed = time.Since(start)
	return receipt, nil
}

// Draft returns a revocation that nobody holds yet.
func (c *Committer) Draft(scope events.Scope, subject, reason, actor string) events.Revocation {
	return events.Revocation{
		ID: uuid.NewString(), Scope: scope, Issuer: c.issuer, Subject: subject,
		TTLMillis: c.ttlNow().Milliseconds(), Reason: reason, Actor: actor,
	}
}

// toStore files r. When the store cannot be reached, r gets a stamp above all
// that this issuer knows of, and the projector will file it later. A store that
// has lost its data does not know either what it has handed out, and is told.
func (c *Committer) toStore(ctx context.Context, r events.Revocation) (events.Revocation, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	told := r
	told.Stamp = max(r.Stamp, c.floor())
	filed, err := c.store.Revoke(ctx, told)
	if err != nil {
		r.Stamp = max(r.Stamp, c.next())
		filed = r
	}
	c.Saw(filed.Stamp)
	return filed, err
}

func (c *Committer) toLog(ctx context.Context, r events.Revocation) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	return events.Publish(ctx, c.log, r)
}

// settle takes r, which the log now holds, out of the outbox. If it is not
// there, the store may have lost r while the log took it, and may have been
// refilled from a log that did not hold r yet: r is filed once more. An error
// means that the store cannot say any more whether it holds r.
func (c *Committer) settle(ctx context.Context, r events.Revocation) error {
	settling, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	n, err := c.store.Settle(settling, r.ID)
	if err != nil || n == 1 {
		return err
	}
	_, err = c.toStore(ctx, r)
	return err
}

// ordered reports whether the stamp of r is known to be above those handed out
// before. An issuer that has never found the store whole cannot tell for a
// cutoff: if the store has lost its data, it knows neither what that handed out
// nor who could say.
func (c *Committer) ordered(r events.Revocation) bool { return !r.Scope.Cutoff() || c.whole.Load() }
