package events

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// renewPause is the least time between two renewals because replicas differ.
const renewPause = time.Minute

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

// renew appends everything anew, and then drops what stood in the log before.
//
// What is still there was stamped by the clock as it was, and will expire early by
// the clock as it is. And each replica has expired by its own clock: until the last
// of that is gone, readers that are bound to different ones count differently, and
// none is whole by the word of another. To drop it is one command to the log, which
// all its replicas carry out at the same place.
//
// Nothing is dropped but what has been appended anew and read again: whatever the
// log holds, for as long as it was to hold it, and what is live besides.
func (b *Barrier) renew(ctx context.Context, first Position, live iter.Seq2[Revocation, error]) (int, error) {
	leaps := b.leaps.Load()
	appended, lives, readable := make(holding), make(map[string]time.Duration), true
	err := b.appendAll(ctx, b.heldAnyhow(ctx, first, &readable), func(m kept) bool {
		longer := m.life > lives[m.ID]
		lives[m.ID] = max(m.life, lives[m.ID])
		return appended.has(m.Revocation) && !longer
	}, appended)
	if err == nil {
		err = b.appendAll(ctx, ofStore(live), func(m kept) bool { return appended.has(m.Revocation) }, appended)
	}
	n := len(appended)
	if err == nil && n > 0 {
		err = b.arrivedAnew(ctx, first, appended)
	}
	if err != nil {
		return n, err
	}
	b.restored.Store(leaps)
	b.once.Store(true)
	b.differ.Store(false)
	b.nextRenewal = b.Elapsed() + renewPause
	if readable && n > 0 {
		b.drop(ctx, first)
	}
	return n, nil
}

// heldAnyhow yields the revocations that the log holds up to a position, and notes
// whether it could read all of them: some may be of a later version. The log keeps
// some for longer than others do: those that no store had filed.
func (b *Barrier) heldAnyhow(ctx context.Context, upTo Position, readable *bool) iter.Seq2[kept, error] {
	return func(yield func(kept, error) bool) {
		for m, err := range b.messages(ctx, upTo) {
			if err == nil && m.Kind != KindRevocation {
				continue
			}
			var r Revocation
			if err == nil {
				r, err = DecodeRevocation(m.Data)
				*readable = *readable && err == nil
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
// the right to do so, replicas differ until the last of it has expired. A log that
// is recreated just now may lose what it should hold: that shows in its count, as
// any loss.
func (b *Barrier) drop(ctx context.Context, upTo Position) {
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	if err := b.log.Drop(ctx, upTo.Seq); err != nil {
		b.follower.slog.Warn("the log keeps what was appended anew: may this issuer purge the stream?", "error", err)
	}
	b.follower.Replay()
}
