package events

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
)

// The time between two renewals because replicas differ. It doubles with each that
// has not helped: a replica whose clock stays ahead will always differ.
const (
	renewPause    = time.Minute
	maxRenewPause = time.Hour
)

// mustRenew reports whether what stands in the log may go too early, or does not
// stand in all its replicas: its clock has leapt, or two have read it differently.
func (b *Barrier) mustRenew(began found) bool {
	switch {
	case b.leaps.Load() != b.restored.Load():
		return true
	case !b.once.Load() && b.unseenLeap(began):
		return true
	}
	return b.Differs()
}

// Differs reports whether two readers have read the log differently. Restore
// makes its replicas equal then.
func (b *Barrier) Differs() bool { return b.differ.Load() && b.Elapsed() >= b.nextRenewal }

// unseenLeap reports whether the log's clock may have leapt before this barrier saw
// it for the first time: it stands to our wall clock otherwise than it stood to that
// of an issuer in its latest beat. If no such beat is left, nobody can tell. Issuers
// whose clocks differ cost one more restore of everything.
func (b *Barrier) unseenLeap(began found) bool {
	log, wall, ok := b.follower.clockOf(b.beat.ID)
	if !ok {
		return began.tally.Revocations > 0
	}
	return (wall.Sub(log) - time.Since(began.state.Now)).Abs() > leapSlack
}

// A renewal is what has been appended anew so far, and survives a failure: what
// stands in the log need not be appended again.
type renewal struct {
	first    Position // before it
	leaps    uint64
	appended holding
	lives    map[string]time.Duration // in the log, of what was appended
}

// renew appends everything anew, and then drops what stood in the log before.
//
// What is still there was stamped by the clock as it was, and will expire early by
// the clock as it is. And each replica has expired by its own clock: until the last
// of that is gone, readers that are bound to different ones count differently, and
// none is whole by the word of another. To drop it is one command to the log, which
// all its replicas carry out at the same place.
//
// Nothing is dropped but what has been appended anew and read again: what is live,
// and whatever else the log holds, for as long as it was to hold it. And nothing
// unless the store was whole before and after it was read: one reading of the log is
// of one replica, which may be the one that has lost the most.
func (b *Barrier) renew(ctx context.Context, at Position, live iter.Seq2[Revocation, error]) (n int, err error) {
	r := b.renewal
	if r == nil || r.first.Epoch != at.Epoch || r.leaps != b.leaps.Load() {
		r = &renewal{at, b.leaps.Load(), make(holding), make(map[string]time.Duration)}
		b.renewal = r
	}
	before := len(r.appended)
	readable, vouch := true, b.Vouch(ctx, time.Time{})
	for _, all := range []iter.Seq2[kept, error]{noting(&readable, ofStore(live)), noting(&readable, b.heldAnyhow(ctx, r.first))} {
		if err := b.appendAll(ctx, all, r.has, r.appended); err != nil {
			if errors.Is(err, errNotAppended) {
				b.renewal = nil // all of it anew
			}
			return len(r.appended) - before, err
		}
	}
	n = len(r.appended) - before
	if len(r.appended) > 0 {
		if err := b.arrivedAnew(ctx, r.first, r.appended); err != nil {
			b.renewal = nil // all of it anew
			return n, err
		}
	}
	b.renewal = nil
	b.restored.Store(r.leaps)
	b.once.Store(true)
	whole := vouch != "" && b.Vouch(ctx, time.Now()) == vouch
	b.differ.Store(!whole) // then there is still something to be made equal
	b.pauseRenewals()
	if readable && whole && len(r.appended) > 0 {
		b.drop(ctx, r.first)
	}
	return n, nil
}

// pauseRenewals doubles the pause, unless the last renewal is long ago.
func (b *Barrier) pauseRenewals() {
	now := b.Elapsed()
	if now > b.nextRenewal+maxRenewPause {
		b.renewPause = 0
	}
	b.renewPause = min(max(renewPause, 2*b.renewPause), maxRenewPause)
	b.nextRenewal = now + b.renewPause
}

// has reports whether as much has been appended already, and notes that it will be.
func (r *renewal) has(m kept) bool {
	has := r.appended.has(m.Revocation) && r.lives[m.ID] >= m.life
	r.lives[strings.Clone(m.ID)] = max(m.life, r.lives[m.ID]) // not the whole text that it was decoded from
	return has
}

// noting notes whether all could be read: some may be of a later version.
func noting(readable *bool, all iter.Seq2[kept, error]) iter.Seq2[kept, error] {
	return func(yield func(kept, error) bool) {
		for m, err := range all {
			*readable = *readable && !errors.Is(err, ErrBadRevocation)
			if !yield(m, err) {
				return
			}
		}
	}
}

// heldAnyhow yields the revocations that the log holds up to a position. It keeps
// some for longer than others do: those that no store had filed.
func (b *Barrier) heldAnyhow(ctx context.Context, upTo Position) iter.Seq2[kept, error] {
	return func(yield func(kept, error) bool) {
		for m, err := range b.messages(ctx, upTo) {
			if err == nil && m.Kind != KindRevocation {
				continue
			}
			var r Revocation
			if err == nil {
				r, err = DecodeRevocation(m.Data)
			}
			if !yield(kept{r, max(m.TTL, r.TTL())}, err) {
				return
			}
		}
	}
}

// arrivedAnew is arrived, by whatever reading of the log: the follower may have
// reason to read it anew meanwhile.
func (b *Barrier) arrivedAnew(ctx context.Context, first Position, appended holding) error {
	pos, err := b.Probe(ctx)
	if err != nil {
		return err
	}
	if pos.Epoch != first.Epoch {
		return fmt.Errorf("%w: while it was renewed", ErrDiverged)
	}
	return b.holdsBehind(ctx, first.Seq, pos, appended)
}

// drop removes what was replaced, and has the follower count what is left. Without
// the right to do so, replicas differ until the last of it has expired, and nothing
// is appended anew for that again. A log that is recreated just now may lose what it
// should hold: that shows in its count, as any loss.
func (b *Barrier) drop(ctx context.Context, upTo Position) {
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	if err := b.log.Drop(ctx, upTo.Seq); err != nil {
		b.nextRenewal = b.Elapsed() + maxRenewPause
		b.follower.slog.Warn("the log keeps what was appended anew: may this issuer purge the stream?", "error", err)
	}
	b.follower.Replay()
}
