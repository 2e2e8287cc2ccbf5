package events

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// readPatience is how long a reader of the whole log waits for one message: the
// one it is to stop at may have been lost meanwhile.
const readPatience = 3 * time.Second

// restoreWindow is how many appends of a restore are under way at a time.
const restoreWindow = 64

// Restore makes sure that the log holds every revocation of live, appending
// those it lacks, and then admits the epoch. It may run at several issuers at
// once: a duplicate does no harm. An error admits nothing; the caller retries.
//
// The order matters. It first reads up to a beat, so that the follower has
// counted all there is; only then does it compare, append what is missing, and
// read once more that this has arrived; and it admits only if a last beat finds
// that nothing of what was counted has gone since the first. Whatever is lost
// before the first beat is missed by the comparison, and whatever is lost after
// it by a later beat's audit.
//
// Live is read once, or twice if the log is renewed before. What is filed after
// that is appended after the first beat by whoever filed it, and needs no
// restoring. To look again until nothing is missing would never end while others
// revoke, or while entries expire in the log a moment before they do in the store.
func (b *Barrier) Restore(ctx context.Context, live func(context.Context) iter.Seq2[Revocation, error]) (restored int, err error) {
	began, err := b.probe(ctx, tree{})
	if err != nil {
		return 0, err
	}
	var renewed int
	if b.mustRenew(began) {
		renewed, err = b.renew(ctx, began.pos, live(ctx))
		if err == nil {
			began, err = b.probe(ctx, tree{})
		}
	}
	if err == nil {
		restored, err = b.restore(ctx, began, live(ctx))
	}
	if err != nil {
		return renewed + restored, fmt.Errorf("events: restore: %w", err)
	}
	return renewed + restored, nil
}

func (b *Barrier) restore(ctx context.Context, began found, live iter.Seq2[Revocation, error]) (int, error) {
	appended, err := b.appendMissing(ctx, began, live)
	if err == nil && len(appended) > 0 {
		err = b.arrived(ctx, began.pos, appended)
	}
	if err != nil {
		return len(appended), err
	}
	last, err := b.probeSince(ctx, began.pos)
	if err != nil {
		return len(appended), err
	}
	b.once.Store(true)
	b.Admit(last)
	return len(appended), nil
}

// probeSince is Probe, and makes sure that the log and the reading of it are
// still those of first.
func (b *Barrier) probeSince(ctx context.Context, first Position) (Position, error) {
	pos, err := b.Probe(ctx)
	if err == nil && (pos.Epoch != first.Epoch || pos.Lineage != first.Lineage) {
		err = fmt.Errorf("%w: between two beats", ErrDiverged)
	}
	return pos, err
}

// appendMissing returns what it appended.
func (b *Barrier) appendMissing(ctx context.Context, began found, live iter.Seq2[Revocation, error]) (holding, error) {
	held, err := b.heldBy(ctx, began)
	if err != nil {
		return nil, err
	}
	appended := make(holding)
	return appended, b.appendAll(ctx, ofStore(live), func(m kept) bool {
		return appended.has(m.Revocation) || held.has(m.Revocation) && !b.goesEarly(held[m.ID].age, m.Revocation)
	}, appended)
}

// kept is a revocation, and for how long the log is to keep it.
type kept struct {
	Revocation
	life time.Duration
}

// ofStore: what the store has filed, the log keeps for as long as others do.
func ofStore(live iter.Seq2[Revocation, error]) iter.Seq2[kept, error] {
	return func(yield func(kept, error) bool) {
		for r, err := range live {
			if !yield(kept{r, r.TTL()}, err) {
				return
			}
		}
	}
}

// errNotAppended: perhaps not all that appendAll has added stands in the log.
var errNotAppended = errors.New("events: not appended")

// appendAll appends those that are not to be left out, and adds them to appended.
func (b *Barrier) appendAll(ctx context.Context, all iter.Seq2[kept, error], leaveOut func(kept) bool, appended holding) error {
	appends, ctx := errgroup.WithContext(ctx)
	appends.SetLimit(restoreWindow)
	for m, err := range all {
		if errors.Is(err, ErrBadRevocation) {
			continue // of a later version, which will see to it
		}
		if err != nil {
			return errors.Join(err, appends.Wait())
		}
		if leaveOut(m) {
			continue
		}
		appended.add(m.Revocation, 0)
		appends.Go(func() error {
			if _, err := PublishFor(ctx, b.log, m.Revocation, m.life); err != nil {
				return fmt.Errorf("%w: %w", errNotAppended, err)
			}
			return nil
		})
	}
	return appends.Wait()
}

// arrived makes sure that the log holds what was appended to it.
func (b *Barrier) arrived(ctx context.Context, first Position, appended holding) error {
	pos, err := b.probeSince(ctx, first)
	if err != nil {
		return err
	}
	return b.holdsBehind(ctx, first.Seq, pos, appended)
}

// holdsBehind makes sure that the log holds something between two sequences.
func (b *Barrier) holdsBehind(ctx context.Context, seq uint64, upTo Position, want holding) error {
	held, _, err := b.held(ctx, seq, upTo, time.Time{})
	if err != nil {
		return err
	}
	for id, want := range want {
		if got, ok := held[id]; !ok || got.stamp < want.stamp || got.ttl < want.ttl {
			return fmt.Errorf("%w: lost what had just been restored", ErrDiverged)
		}
	}
	return nil
}

// goesEarly reports whether the log will drop a revocation too early: by its clock
// it is older than by the store's. The log's clock has leaped, perhaps while nobody
// looked.
func (b *Barrier) goesEarly(age time.Duration, r Revocation) bool {
	store, ok := b.Age(r)
	return ok && age > store+leapSlack
}

// heldBy is what the log held when it was looked at. Replicas expire by clocks of
// their own, so whoever reads another may read less: it has to be what the
// follower has read, for which the epoch is to be admitted.
func (b *Barrier) heldBy(ctx context.Context, at found) (holding, error) {
	upTo := at.pos
	upTo.Seq = at.state.LastSeq
	held, read, err := b.held(ctx, 0, upTo, at.state.Now)
	if err != nil {
		return nil, err
	}
	if tally, ok := read.upTo(at.state); !ok || tally != at.tally {
		b.differ.Store(true)
		b.follower.Replay()
		return nil, fmt.Errorf("%w: another reader has read others", ErrIncomplete)
	}
	return held, nil
}

// A holding is a set of revocations, by id. A cutoff may come under two stamps: if
// its issuer did not hear from the store, it was appended under a higher one than
// it is relayed under. So may any revocation under two lives.
type holding map[string]holds

type holds struct {
	stamp int64         // up to which a cutoff covers
	ttl   time.Duration // the longest
	age   time.Duration // of the latest, by the log's clock
}

func (h holding) add(r Revocation, age time.Duration) {
	was, ok := h[r.ID]
	now := holds{stamp: max(was.stamp, covers(r)), ttl: max(was.ttl, r.TTL()), age: age}
	if ok {
		now.age = min(age, was.age)
	}
	h[strings.Clone(r.ID)] = now // not the whole text that it was decoded from
}

func (h holding) has(r Revocation) bool {
	held, ok := h[r.ID]
	return ok && held.stamp >= covers(r) && held.ttl >= r.TTL()
}

func covers(r Revocation) int64 {
	if r.Scope.Cutoff() {
		return r.Stamp
	}
	return 0
}

// held reads the log up to a position, and returns the revocations that stand
// behind a sequence, with their ages at an instant of its clock, and a census.
func (b *Barrier) held(ctx context.Context, behind uint64, upTo Position, now time.Time) (holding, *census, error) {
	all, read := make(holding), &census{}
	for m, err := range b.messages(ctx, upTo) {
		if err != nil {
			return nil, nil, err
		}
		read.add(m)
		if m.Kind == KindRevocation && m.Seq > behind {
			if r, err := DecodeRevocation(m.Data); err == nil {
				all.add(r, now.Sub(m.Time))
			}
		}
	}
	return all, read, nil
}

// messages reads the log from its start up to a position.
func (b *Barrier) messages(ctx context.Context, upTo Position) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		stalled := time.AfterFunc(readPatience, func() { cancel(ErrUnavailable) })
		defer stalled.Stop()
		for m, err := range b.log.Follow(ctx, Cursor{}) {
			if err != nil {
				yield(Message{}, cause(ctx, err))
				return
			}
			stalled.Reset(readPatience)
			if m.Epoch != upTo.Epoch {
				yield(Message{}, ErrDiverged)
				return
			}
			if !yield(m, nil) || m.Seq >= upTo.Seq {
				return
			}
		}
		yield(Message{}, ErrUnavailable)
	}
}

// Publish appends one revocation to the log, which keeps it for as long as its
// holders do. A cutoff without a stamp would cover nothing, and is refused.
func Publish(ctx context.Context, log Log, r Revocation) (seq uint64, err error) {
	return PublishFor(ctx, log, r, r.TTL())
}

// PublishFor is Publish, and has the log keep the revocation for another time.
func PublishFor(ctx context.Context, log Log, r Revocation, life time.Duration) (seq uint64, err error) {
	if r.Scope.Cutoff() && r.Stamp <= 0 {
		return 0, fmt.Errorf("%w: a cutoff without a stamp", ErrBadRevocation)
	}
	data, err := r.Encode()
	if err != nil {
		return 0, err
	}
	return log.Append(ctx, Record{Kind: KindRevocation, Scope: r.Scope, Data: data, TTL: life})
}
