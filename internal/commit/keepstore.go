package commit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

// keepStore renews the vouch. That needs no log: whatever was answered with
// 200 was confirmed by the store itself, and a store that may have lost
// something has lost its vouch, or bears another server's. So edges can rely on
// the store while the log is away. Only to vouch anew it takes the log.
func (k *Keeper) keepStore(ctx context.Context) error {
	if k.refill == nil {
		if err := k.beginRefill(ctx); err != nil {
			return err
		}
	}
	asOf, err := k.storeTime(ctx)
	if err != nil {
		return err
	}
	keep, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	stamp, err := k.store.KeepVouch(keep, asOf)
	if errors.Is(err, ErrUnvouched) {
		stamp, err = 0, k.vouchAnew(ctx, asOf)
	}
	if err == nil {
		k.sawStamp(stamp)
		k.committer.whole.Store(true)
	}
	return err
}

// sawStamp learns from the store itself how far its stamps have come. Its clock
// does not tell: whoever vouched may have raised them far above it, and the
// beats that say so need not have been read here. Cutoffs raise them further
// until we ask again, as our own beats allow for.
func (k *Keeper) sawStamp(stamp int64) {
	k.committer.Saw(stamp)
	k.committer.Heard(k.barrier.Stamp())
}

// vouchAnew vouches for the store once it holds all that the log held a moment
// ago, provided that the projector began to write the log into it, from the
// start, in the life that it has now. If not, that is begun.
func (k *Keeper) vouchAnew(ctx context.Context, asOf time.Time) error {
	a, err := k.barrier.Confirm(ctx)
	if err != nil {
		return err
	}
	if err := k.projected(ctx, a); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	k.refill.Floor = k.committer.floor()
	err = k.store.Vouch(ctx, *k.refill, asOf)
	if errors.Is(err, ErrRefillLost) {
		k.refill = nil
	}
	if err == nil {
		k.committer.Saw(k.refill.Floor)
		k.slog.Info("store is whole: filled from the log", "revocations", a.Count)
	}
	return err
}

func (k *Keeper) storeTime(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	asked := time.Now()
	now, err := k.store.Now(ctx)
	if err == nil {
		k.committer.SawClock(now, asked)
	}
	return now, err
}

// beginRefill marks the store, and only then has the log written into it from
// its start.
func (k *Keeper) beginRefill(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	refill, err := k.store.BeginRefill(ctx)
	if err != nil {
		return err
	}
	k.refill = &refill
	k.projector.Replay()
	k.beginOnce.Do(func() { close(k.begun) })
	return nil
}

// projected waits until the store holds everything that a speaks of.
func (k *Keeper) projected(ctx context.Context, a events.Answer) error {
	if _, err := k.projector.CatchUpTo(ctx, a, 2*k.interval); err != nil {
		return fmt.Errorf("commit: projecting the log into the store: %w", err)
	}
	count, err := k.projector.Count(ctx, a.State)
	if err != nil {
		return fmt.Errorf("commit: projecting the log into the store: %w", err)
	}
	if count < a.Count { // either of the two followers read what is gone by now
		k.projector.Replay()
		k.follower.Replay()
		return fmt.Errorf("commit: projected %d of %d revocations: %w", count, a.Count, events.ErrIncomplete)
	}
	return nil
}
