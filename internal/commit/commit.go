package commit

import (
	"cmp"
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
	store  Store
	log    events.Log
	issuer string
	ttl    time.Duration
	slog   *slog.Logger
	seen   atomic.Int64 // the highest stamp that this issuer has seen
	heard  atomic.Int64 // … and the highest that another said there could be
	whole  atomic.Bool  // the store has been found whole, once
	clock  atomic.Pointer[reading]
	// When the last token that was handed out expires, by what the store said and by
	// what other issuers have said.
	expiry, heardExpiry atomic.Pointer[time.Time]
	metrics             *metrics

	// SessionMax is how long a session may live; [NewCommitter] sets a month.
	// It must not be changed once anything is committed.
	SessionMax time.Duration

	reader *events.Follower // reads what was appended
	bounds bounds           // of all who commit beats
	broken atomic.Uint64    // appends that failed

	standIns standIns // that the log holds
}

// NewCommitter makes a committer for the tokens of one issuer, none of which
// lives longer than accessTTL. Nothing is committed before it follows the log:
// see [Committer.Follow].
func NewCommitter(store Store, log events.Log, issuer string, accessTTL time.Duration, logger *slog.Logger) *Committer {
	c := &Committer{
		store: store, log: log, issuer: issuer, ttl: accessTTL + Margin, slog: logger, metrics: newMetrics(),
		SessionMax: 30 * 24 * time.Hour,
	}
	c.reader = events.NewFollower(log, c.read, logger.With("follower", "barrier"))
	return c
}

// Follow reads the log until ctx ends. A [Keeper] does it.
func (c *Committer) Follow(ctx context.Context) { c.reader.Run(ctx) }

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
		if r.Scope == events.ScopeKey {
			r.TTLMillis = events.MaxTTL.Milliseconds() // nobody knows for how long it is published
		}
	}
	if _, err := r.Encode(); err != nil {
		return session.Receipt{}, err
	}
	ordered := c.ordered(r)
	crash.Here("before-store")
	r, storeErr := c.toStore(ctx, r)
	r, seq, storeErr, logErr := c.inBoth(ctx, r, storeErr)
	ordered = ordered && c.abreast(r, start)
	c.metrics.observe(r.Scope, statusOf(storeErr, logErr), start)
	if storeErr != nil && logErr != nil {
		return session.Receipt{}, fmt.Errorf("%w: %w", session.ErrUnavailable, errors.Join(storeErr, logErr))
	}
	receipt := session.Receipt{
		RevocationID: r.ID, Scope: r.Scope, Subject: r.Subject, Held: r, Seq: seq,
		Committed: storeErr == nil && logErr == nil && ordered, At: time.Now(),
	}
	if !receipt.Committed {
		c.slog.WarnContext(ctx, "revocation pending", "revocation_id", r.ID, "store_error", storeErr, "log_error", logErr)
	}
	crash.Here("before-answer")
	receipt.Elapsed = time.Since(start)
	return receipt, nil
}

// maxForeignLag is how far the store's clock may be behind ours. It is a part of the
// least by which tokens of another issuer count as older than they say (clock_skew, a
// second or more); the rest is for that issuer's clock.
const maxForeignLag = 500 * time.Millisecond

// abreast reports whether the stamp of a cutoff of another issuer's tokens is as high
// as what those say that were issued before it. They say so by a clock that stamps are
// not taken from, and a store whose clock is behind would spare some.
func (c *Committer) abreast(r events.Revocation, start time.Time) bool {
	if r.Issuer == c.issuer || !r.Scope.Cutoff() {
		return true
	}
	lag := start.Sub(time.UnixMilli(r.Stamp))
	if lag > maxForeignLag {
		c.slog.Error("the store's clock is behind this issuer's: a cutoff spares tokens of another issuer that are younger", "behind", lag.Round(time.Second))
	}
	return lag <= maxForeignLag
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
		if r.Issuer == c.issuer {
			r.TTLMillis = max(r.TTLMillis, c.unfiledLife().Milliseconds())
		}
		filed = r
	}
	c.Saw(filed.Stamp)
	return filed, err
}

// inBoth brings r, which the store has taken unless it said storeErr, into the
// log. It is in both copies once the log has acknowledged it, this issuer has
// read it there, and the store still has it in its outbox after that. A store
// that has it there no more was lost meanwhile, and so perhaps was the log that
// was put back from it: r is filed and appended once more.
func (c *Committer) inBoth(ctx context.Context, r events.Revocation, storeErr error) (_ events.Revocation, seq uint64, _, logErr error) {
	for range maxTries {
		crash.Here("before-log")
		seq, logErr = c.toLog(ctx, r, storeErr == nil)
		crash.Here("before-settle")
		if storeErr != nil || logErr != nil {
			return r, seq, storeErr, logErr
		}
		var there bool
		if there, storeErr = c.settle(ctx, r); there || storeErr != nil {
			return r, seq, storeErr, logErr
		}
		r, storeErr = c.toStore(ctx, r)
	}
	return r, seq, cmp.Or(storeErr, errLostAgain), logErr
}

// maxTries bounds how often a revocation is taken to a store that loses it.
const maxTries = 3

var errLostAgain = errors.New("commit: the store has lost it again and again")

// toLog appends r, and reads it back: an acknowledgement does not show that the
// log still has it. What no store has filed stays there for as long as a session
// lives that it may have to end.
func (c *Committer) toLog(ctx context.Context, r events.Revocation, filed bool) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	life := r.TTL()
	if !filed {
		life = max(life, c.SessionMax+Margin)
	}
	seq, err := events.PublishFor(ctx, c.log, r, life)
	if err == nil {
		err = c.reader.HasRead(ctx, seq, r)
	}
	if err != nil {
		c.broken.Add(1)
	}
	return seq, err
}

// settle takes r, which the log now holds, out of the outbox, and reports whether
// it was there. An error means that the store cannot say any more whether it
// holds r.
func (c *Committer) settle(ctx context.Context, r events.Revocation) (there bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	n, err := c.store.Settle(ctx, r)
	return n == 1, err
}

// ordered reports whether the stamp of r, which it is about to get, will be above
// those handed out before. An issuer that has never found the store whole cannot
// tell for a cutoff: if the store has lost its data, it knows neither what that
// handed out nor who could say. What it learns later does not change a stamp.
func (c *Committer) ordered(r events.Revocation) bool { return !r.Scope.Cutoff() || c.whole.Load() }
