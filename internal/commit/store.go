package commit

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

var (
	// ErrUnvouched: the store has lost its vouch, and so perhaps its data.
	ErrUnvouched = errors.New("commit: store unvouched")
	// ErrRefillLost: the store was wiped or replaced during the refill.
	ErrRefillLost = errors.New("commit: refill lost")
)

// A Refill is one attempt to put back what the store may have lost.
type Refill struct {
	Token string
	// Incarnation names the server process being refilled.
	Incarnation string
	// Floor is a stamp above which the store's own go on once it is vouched
	// for; its clock may be behind that of the server before it.
	Floor int64
}

// A Store holds the second copy of every revocation. All methods are atomic,
// idempotent, and may be called concurrently.
type Store interface {
	// Revoke files the revocation, ends the sessions it concerns, and leaves
	// it in the outbox, all at once. It returns the revocation with its
	// stamp. That of a cutoff MUST be at or above every stamp handed out
	// before and below every one handed out after. Unless the store is
	// vouched for it does not know the former: then the stamp MUST also be at
	// or above that of r.
	Revoke(ctx context.Context, r events.Revocation) (events.Revocation, error)
	// Apply files revocations that were read from the log, with their
	// stamps. Stamps handed out afterwards MUST be above those of cutoffs.
	Apply(ctx context.Context, rs []events.Revocation) error

	// Outbox returns some of those that were never settled.
	Outbox(ctx context.Context, limit int) ([]events.Revocation, error)
	// Settle removes revocations from the outbox, because the log holds
	// them, and returns how many of them were there.
	Settle(ctx context.Context, ids ...string) (int, error)
	// Live yields every unexpired revocation.
	Live(ctx context.Context) iter.Seq2[events.Revocation, error]

	// Reap removes some of the sessions that cutoffs have ended, and returns
	// how many. They MUST count as ended before that already.
	Reap(ctx context.Context) (int, error)
	// Now reads the store's clock.
	Now(ctx context.Context) (time.Time, error)
	// BeginRefill opens a refill; Vouch ends it and declares the store
	// complete as of a reading of Now. Vouch MUST fail with ErrRefillLost if
	// anything could have been lost in between.
	BeginRefill(ctx context.Context) (Refill, error)
	Vouch(ctx context.Context, r Refill, asOf time.Time) error
	// KeepVouch renews a vouch, as of a reading of Now: it may be executed
	// long after it was called. It MUST fail with ErrUnvouched if there is
	// none for this incarnation of the store. It returns the last stamp
	// that was handed out, which may be far above the store's clock.
	KeepVouch(ctx context.Context, asOf time.Time) (stamp int64, err error)
}
