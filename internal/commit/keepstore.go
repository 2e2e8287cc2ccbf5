package commit

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

// storeWatch is what a keeper knows of the store besides whether it is whole.
// Only the goroutine that keeps the store uses it, unless it says otherwise.
type storeWatch struct {
	pace      pace      // of the server being refilled
	began     time.Time // the refill
	dials     dials     // of the servers so far
	warned    string    // the last vouch of ours of which it was said that it ended sessions
	log       logDial   // for any goroutine
	unguarded atomic.Bool
	filled    atomic.Value              // the incarnation that is refilled, a string; for the projector
	moved     atomic.Value              // the incarnation in whose place the projector has come to another
	kept      atomic.Pointer[keptVouch] // for any goroutine
}

// A keptVouch is a vouch that was renewed, by a question asked at a time.
type keptVouch struct {
	name  string
	asked time.Time
}

// keepStore renews the vouch. That needs no log: whatever was answered with
// 200 was confirmed by the store itself, and a store that may have lost
// something has lost its vouch, or bears another server's. So edges can rely on
// the store while the log is away. Only to vouch anew it takes the log.
func (k *Keeper) keepStore(ctx context.Context) error {
	if moved, _ := k.watch.moved.Load().(string); k.refill != nil && moved == k.refill.Incarnation {
		k.refill = nil
		k.watch.moved.Store("")
	}
	if k.refill == nil {
		if err := k.beginRefill(ctx); err != nil {
			return err
		}
	}
	asOf, err := k.storeTime(ctx)
	if err != nil {
		return err
	}
	kept, err := k.keepVouch(ctx, asOf.store)
	if errors.Is(err, ErrUnvouched) {
		kept, err = Kept{}, k.vouchAnew(ctx, asOf)
	}
	if err == nil {
		k.sawStamp(kept.Stamp)
		k.committer.whole.Store(true)
	}
	return err
}

func (k *Keeper) keepVouch(ctx context.Context, asOf time.Time) (Kept, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	asked := time.Now()
	kept, err := k.store.KeepVouch(ctx, asOf)
	if err == nil {
		k.sawStore(kept, asked)
	}
	return kept, err
}

// vouchSince names the vouch that the store bore at a time or later, empty if that
// is not known within half the bound.
func (k *Keeper) vouchSince(ctx context.Context, since time.Time) string {
	ctx, cancel := context.WithTimeout(ctx, 2*k.interval)
	defer cancel()
	for {
		if kept := k.watch.kept.Load(); kept != nil && !kept.asked.Before(since) {
			return kept.name
		}
		if since.IsZero() || !events.Sleep(ctx, k.interval/16) {
			return ""
		}
	}
}

// sawStore learns what the store itself knows, for when it is away.
func (k *Keeper) sawStore(kept Kept, asked time.Time) {
	k.watch.kept.Store(&keptVouch{kept.Vouch, asked})
	k.watch.dials.saw(kept.Vouch, reading{kept.Now, asked})
	k.committer.sawFurthest(kept.Furthest)
	if kept.Ended > 0 && kept.Vouch == k.refill.Token && k.refill.Found != "" && kept.Vouch != k.watch.warned {
		k.watch.warned = kept.Vouch
		k.slog.Warn("the store came back too old, or of unknown age: sessions from before have ended", "until", time.UnixMilli(kept.Ended).UTC())
	}
	if was := k.watch.unguarded.Swap(kept.Unguarded); kept.Unguarded && !was {
		k.slog.Warn("the store has replicas but does not wait for them: set min-replicas-to-write")
	}
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
func (k *Keeper) vouchAnew(ctx context.Context, asOf reading) error {
	a, err := k.barrier.Confirm(ctx)
	if err != nil {
		return err
	}
	if err := k.projected(ctx, a); err != nil {
		return err
	}
	now, err := k.storeTime(ctx) // what was put back may have expired again
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	refill := k.refill
	refill.Floor, refill.Furthest = k.committer.floor(), max(k.committer.longest(), k.committer.furthest())+k.committer.storeAhead()
	refill.Life = imageLife
	if refill.Reckoned, err = k.reckon(now.store); err != nil {
		return err
	}
	if found, ok := k.watch.dials.of(refill.Found); ok {
		refill.Seen = found.kept
	}
	err = k.store.Vouch(ctx, *refill, asOf.store)
	if errors.Is(err, ErrRefillLost) {
		k.refill = nil
	}
	if err == nil {
		k.watch.dials.saw(refill.Token, now)
		k.committer.Saw(refill.Floor)
		k.slog.Info("store is whole: filled from the log", "revocations", a.Tally.Revocations)
	}
	return err
}

// Unguarded reports whether the store has replicas and does not wait for them, so
// that a failover may lose more than it must, and leave two servers behind.
func (k *Keeper) Unguarded() bool { return k.watch.unguarded.Load() }

// errUndated: others may know better how old the store is.
var errUndated = errors.New("commit: the store seems old; waiting for an issuer that knew the server before")

// reckon is what the clock says now that dated the vouch found there, or more: an
// old image must not seem young. Whoever kept that vouch knows. Others go by the
// beats in the log, and by all clocks that there are: if the image seems old by
// those, they leave it to whoever knows, for as long as the bound.
func (k *Keeper) reckon(latest time.Time) (time.Time, error) {
	now := time.Now()
	if r, ok := k.watch.dials.of(k.refill.Found); ok {
		return r.at(now), nil
	}
	for _, other := range [...]time.Time{now, k.watch.log.now(), time.UnixMilli(k.committer.known())} {
		if other.After(latest) {
			latest = other
		}
	}
	if at := k.refill.FoundAt; !at.IsZero() && latest.Sub(at) > imageLife && now.Sub(k.watch.began) < 4*k.interval {
		return time.Time{}, errUndated
	}
	return latest, nil
}

// storeTime reads the store's clock. If that has leapt, the vouch is ended for
// everybody, and the store is filled anew.
func (k *Keeper) storeTime(ctx context.Context) (reading, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	asked := time.Now()
	now, err := k.store.Now(ctx)
	if err != nil {
		return reading{}, err
	}
	k.committer.SawClock(now, asked)
	if !k.watch.pace.leapt(reading{now, time.Now()}) {
		return reading{now, asked}, nil
	}
	if err := k.store.Withdraw(ctx, k.refill.Incarnation); err != nil {
		return reading{}, fmt.Errorf("%w, and its vouch stands: %w", errLeapt, err)
	}
	k.refill = nil
	return reading{}, errLeapt
}

// beginRefill marks the store, and only then has the log written into it from
// its start. From before that its clock is watched.
func (k *Keeper) beginRefill(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	now, err := k.store.Now(ctx)
	if err != nil {
		return err
	}
	k.watch.began = time.Now()
	k.watch.pace = pace{base: &reading{now, k.watch.began}}
	refill, err := k.store.BeginRefill(ctx)
	if err != nil {
		return err
	}
	k.refill = &refill
	k.watch.filled.Store(refill.Incarnation)
	k.projector.Replay()
	k.beginOnce.Do(func() { close(k.begun) })
	return nil
}

// projected waits until the store holds everything that a speaks of.
func (k *Keeper) projected(ctx context.Context, a events.Confirmation) error {
	if _, err := k.projector.ReadTo(ctx, a, 2*k.interval); err != nil {
		return fmt.Errorf("commit: projecting the log into the store: %w", err)
	}
	tally, _, err := k.projector.Count(ctx, a.State)
	if err != nil {
		return fmt.Errorf("commit: projecting the log into the store: %w", err)
	}
	if tally != a.Tally { // either of the two followers read what is gone by now
		k.projector.Replay()
		k.follower.Replay()
		return fmt.Errorf("commit: projected %d revocations, and not the %d that were read: %w", tally.Revocations, a.Tally.Revocations, events.ErrIncomplete)
	}
	return nil
}
