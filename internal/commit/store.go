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

// MaxUnkept is how far the store's clock may move from one renewal of a vouch to
// the next. Beyond it a clock that has leapt could not be told from a time in
// which nobody came: either way entries may have expired too early by that.
const MaxUnkept = time.Minute

// A Refill is one attempt to put back what the store may have lost.
type Refill struct {
	Token string
	// Incarnation names the server process being refilled.
	Incarnation string
	// Found names the vouch that the store bore when the refill began, which
	// may be that of a server before it; empty if there was none.
	Found string
	// FoundAt is the date of that vouch, by the clock of that server.
	FoundAt time.Time
	// Floor is a stamp above which the store's own go on once it is vouched
	// for; its clock may be behind that of the server before it.
	Floor int64
	// Reckoned is what the clock that dated Found says now: no less. Zero if
	// nobody knows.
	Reckoned time.Time
	// Seen is when by that clock Found is known to have been renewed, zero if
	// nobody knows: a store that says it was earlier has gone back.
	Seen time.Time
	// Life is how old, by that clock, an image of the store may be whose
	// sessions live on. The log MUST hold every revocation that is younger.
	Life time.Duration
	// Furthest is for how long a token that was handed out may still be
	// good, as far as is known.
	Furthest time.Duration
}

// A Kept vouch is what the store says when a vouch is renewed.
type Kept struct {
	Stamp    int64         // the last that was handed out, perhaps far above the store's clock
	Furthest time.Duration // for how long a token that was handed out may still be good
	Now      time.Time     // the store's clock
	Vouch    string        // names the vouch: the token of the refill that it was given for
	Ended    int64         // sessions stamped at or below it ended with this vouch: they came with an old image
	// Unguarded: it has replicas, and does not wait for them. A server that
	// was cut off from them would live on beside its successor.
	Unguarded bool
}

// A Store holds the second copy of every revocation. All methods are atomic,
// idempotent, and may be called concurrently.
type Store interface {
	// Revoke files the revocation, ends the sessions it concerns, and leaves
	// it in the outbox, all at once. It returns the revocation with its
	// stamp. That of a cutoff MUST be at or above every stamp handed out
	// before and below every one handed out after. Unless the store is
	// vouched for it does not know the former: then the stamp MUST also be at
	// or above that of r. Its life is that of r, or longer: it MUST outlive
	// by Margin every token that the store knows was handed out.
	Revoke(ctx context.Context, r events.Revocation) (events.Revocation, error)
	// Apply files revocations that were read from the log, with their
	// stamps. Stamps handed out afterwards MUST be above those of cutoffs.
	// Unless the store is vouched for, what it holds already MUST get its
	// whole life again: the clock that counted it may have been another's.
	// Unless incarnation is empty, it MUST fail with ErrRefillLost when the
	// server that the call has come to bears another one: behind one address
	// there may be two for a while, and what is filed in one is not in the other.
	Apply(ctx context.Context, incarnation string, rs []events.Revocation) error

	// Outbox returns some of those that were never settled.
	Outbox(ctx context.Context, limit int) ([]events.Revocation, error)
	// Settle removes revocations from the outbox, because the log holds
	// them, and returns how many of them were there. It MUST leave one that
	// was filed anew meanwhile, under another stamp.
	Settle(ctx context.Context, rs ...events.Revocation) (int, error)
	// Live yields every unexpired revocation.
	Live(ctx context.Context) iter.Seq2[events.Revocation, error]

	// Reap removes some of the sessions that cutoffs have ended, and returns
	// how many. They MUST count as ended before that already.
	Reap(ctx context.Context) (int, error)
	// Now reads the store's clock.
	Now(ctx context.Context) (time.Time, error)
	// BeginRefill opens a refill; Vouch ends it and declares the store
	// complete as of a reading of Now. Vouch MUST fail with ErrRefillLost if
	// anything could have been lost in between, or a vouch was withdrawn.
	//
	// A store that nobody vouches for may hold an image of unknown age. Vouch
	// MUST end every session in it, in the same step, unless the image's own
	// vouch dates it, at most Life before Reckoned; or unless this is still
	// the process that was vouched for, and its vouch was renewed at Seen.
	BeginRefill(ctx context.Context) (Refill, error)
	Vouch(ctx context.Context, r Refill, asOf time.Time) error
	// KeepVouch renews a vouch, as of a reading of Now: it may be executed
	// long after it was called. It MUST fail with ErrUnvouched if there is
	// none for this incarnation of the store, and MUST end the vouch and fail
	// so if the store has thrown entries away, or if its clock has moved by
	// more than MaxUnkept since the vouch was last renewed.
	KeepVouch(ctx context.Context, asOf time.Time) (Kept, error)
	// Withdraw ends the vouch of this incarnation for everybody: entries may
	// have expired too early. The next takes a refill begun after it.
	Withdraw(ctx context.Context, incarnation string) error
}
