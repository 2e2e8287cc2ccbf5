package commit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

// reapInterval is the time between two looks for sessions to remove.
const reapInterval = time.Second

// A Keeper keeps log and store equal, and vouches for each only while it is
// whole. Every issuer runs one.
type Keeper struct {
	// Offers are revocations that edges hold, the third copy; known are the
	// fingerprints of those that the store holds. It may be left out, and must
	// not be changed once the keeper runs.
	Offers func(ctx context.Context, known []uint64, patience time.Duration) iter.Seq[events.Revocation]

	store     Store
	log       events.Log
	exchange  events.Exchange
	committer *Committer
	interval  time.Duration
	slog      *slog.Logger

	follower  *events.Follower // reads the log, for committer and barrier
	projector *events.Follower // writes the log into the store
	barrier   *events.Barrier
	peers     *events.Sync
	relay     *Relay

	leave     func()  // of the goroutine that keeps the log: ends answering; nil before that
	refill    *Refill // of the goroutine that keeps the store
	watch     storeWatch
	restored  chan struct{} // the log has been restored: edges are to be asked again
	begun     chan struct{} // closed when the projector may start
	beginOnce sync.Once

	first first

	answering atomic.Bool
	vouched   atomic.Bool
	ready     atomic.Bool
}

// NewKeeper makes a keeper for one issuer, named id. It beats and vouches every
// quarter of the staleness bound.
func NewKeeper(c *Committer, exchange events.Exchange, id string, staleness time.Duration, logger *slog.Logger) *Keeper {
	k := &Keeper{
		store: c.store, log: c.log, exchange: exchange, committer: c,
		interval: staleness / 4, slog: logger,
		begun: make(chan struct{}),
		Offers: func(context.Context, []uint64, time.Duration) iter.Seq[events.Revocation] {
			return func(func(events.Revocation) bool) {}
		},
		restored: make(chan struct{}, 1),
		first:    first{doubt: make(chan struct{}, 1), retry: events.NewBackOff(staleness/4, 30*time.Second)},
		relay:    newRelay(c.store, c.log, c.reader.HasRead, logger),
	}
	k.follower = c.reader
	k.projector = events.NewFollower(c.log, k.project, logger.With("follower", "projector"))
	k.barrier = events.NewBarrier(c.log, k.follower, events.RoleIssuer, id, staleness/50)
	c.bounds.set(staleness)
	k.barrier.Staleness = func() time.Duration { return staleness }
	k.barrier.Before, k.barrier.Still = k.wholeFirst, k.isWhole
	k.barrier.Age = c.ageOf
	k.barrier.Longest = c.longest
	k.barrier.Vouch = k.vouchSince
	k.barrier.Stamp = func() int64 { return c.known() + staleness.Milliseconds() }
	k.peers = &events.Sync{
		Exchange: exchange, Follower: k.follower, Barrier: k.barrier,
		Interval: k.interval, Log: logger,
		Elapsed: k.barrier.Elapsed,
		Renew:   func(_, _ time.Duration) {}, // an issuer decides about no token
		Issuers: true,
	}
	return k
}

// Run keeps until ctx ends. What it is being asked then is still answered.
func (k *Keeper) Run(ctx context.Context) {
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	var followers, loops sync.WaitGroup
	followers.Go(func() { k.committer.Follow(following) })
	followers.Go(func() { k.runProjector(following) })
	loops.Go(func() { k.relay.Run(ctx) })
	loops.Go(func() { k.reap(ctx) })
	loops.Go(func() { k.collect(ctx) })
	loops.Go(func() { k.sweep(ctx) })
	loops.Go(func() { k.supervise(ctx, "log", k.keepLog, &k.answering, k.first.doubt) })
	loops.Go(func() { k.supervise(ctx, "store", k.keepStore, &k.vouched, nil) })
	loops.Wait()
	if k.leave != nil {
		k.leave() // while there is still a follower to answer by
	}
	stop()
	followers.Wait()
}

func (k *Keeper) runProjector(ctx context.Context) {
	select {
	case <-k.begun:
		k.projector.Run(ctx)
	case <-ctx.Done():
	}
}

// Ready returns nil once log and store have both been whole.
func (k *Keeper) Ready() error {
	switch {
	case k.ready.Load():
		return nil
	case !k.answering.Load():
		return errors.New("waiting for the log (NATS JetStream)")
	case !k.vouched.Load():
		return errors.New("waiting for the store (Redis)")
	}
	k.ready.Store(true)
	return nil
}

// Position is how far this issuer has read the log.
func (k *Keeper) Position() events.Position { return k.follower.Position() }

// Staleness is the largest bound B that an edge may go by that lacks something
// this issuer has committed.
func (k *Keeper) Staleness() time.Duration { return k.committer.bounds.largest() }

// Answering reports whether the log is whole, as far as this issuer knows.
func (k *Keeper) Answering() bool { return k.answering.Load() }

// Vouched reports whether the store is whole, as far as this issuer knows.
func (k *Keeper) Vouched() bool { return k.vouched.Load() }

// supervise repeats step, with backoff while it fails, and logs when that
// changes. At a start it is no news that all is not whole at once; that it is
// not after the staleness bound is. What comes through poke makes it repeat at once,
// unless the last one failed.
func (k *Keeper) supervise(ctx context.Context, what string, step func(context.Context) error, good *atomic.Bool, poke <-chan struct{}) {
	pause := events.NewBackOff(50*time.Millisecond, k.interval)
	began, early := time.Now(), true
	for first := true; ctx.Err() == nil; first = false {
		err := step(ctx)
		late := early && time.Since(began) > 4*k.interval
		if was := good.Swap(err == nil); was != (err == nil) || first || late && err != nil {
			k.report(ctx, what, err, first)
		}
		early = early && err != nil && !late
		if err != nil {
			events.Sleep(ctx, pause.NextBackOff())
			continue
		}
		pause.Reset()
		sleepOr(ctx, k.interval, poke)
	}
}

// sleepOr waits for d, or until something comes through poke, or ctx ends.
func sleepOr(ctx context.Context, d time.Duration, poke <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-poke:
	case <-ctx.Done():
	}
}

func (k *Keeper) report(ctx context.Context, what string, err error, first bool) {
	switch {
	case err == nil:
		k.slog.Info("vouching for the " + what)
	case first:
		k.slog.Info("not vouching for the "+what, "error", err)
	case ctx.Err() == nil:
		k.slog.Warn("not vouching for the "+what, "error", err)
	}
}

// keepLog makes the log whole when that is in doubt, and answers for it. Replicas
// that differ are made equal also after another's word was taken for the log.
func (k *Keeper) keepLog(ctx context.Context) error {
	select {
	case <-k.first.doubt: // we are about to look
	default:
	}
	switch {
	case !k.barrier.Admitted() || k.barrier.Differs():
		if err := k.restoreLog(ctx); err != nil {
			return err
		}
	case !k.isCompared():
		if err := k.compareLog(ctx); err != nil && !errors.Is(err, errNoStore) { // then wholeFirst waits for it
			return err
		}
	}
	if _, err := k.barrier.Confirm(ctx); err != nil {
		return err
	}
	return k.serve(ctx)
}

// Flush puts into the log whatever the store holds and the log may lack, and returns a
// place in the log behind it, and when it had been there. Whoever goes by what the
// store lists calls it: what the store does not list any more may have been revoked by
// a call that is still under way, or was answered 202.
func (k *Keeper) Flush(ctx context.Context) (seq uint64, at time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout+logTimeout)
	defer cancel()
	// Another issuer may be committing some of it, and settles that itself.
	if err := k.relay.all(ctx, false); err != nil {
		return 0, at, err
	}
	at = time.Now()
	c, err := k.barrier.Confirm(ctx)
	return c.Seq, at, err
}

// restoreLog puts back what the store knows and the log lacks. While the store
// is away, the word of someone who already answers for this epoch is as good.
func (k *Keeper) restoreLog(ctx context.Context) error {
	ensure, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	switch err := k.log.Ensure(ensure); {
	case errors.Is(err, events.ErrNoStandIns):
		k.slog.Warn("edges cannot stand in for issuers", "error", err)
	case err != nil:
		return err
	}
	err := k.compareWith(ctx, k.live)
	if err != nil && k.peers.Round(ctx) == nil && k.barrier.Admitted() {
		return nil
	}
	return err
}

func (k *Keeper) compareWith(ctx context.Context, live func(context.Context) iter.Seq2[events.Revocation, error]) error {
	at := k.pass()
	n, err := k.barrier.Restore(ctx, live)
	if n > 0 {
		k.slog.Warn("log refilled from the store", "revocations", n)
	}
	if err != nil {
		return err
	}
	if k.barrier.Admitted() { // a renewal reads the log anew
		at.lineage = k.follower.Position().Lineage
	}
	k.first.compared.Store(&at)
	select {
	case k.restored <- struct{}{}:
	default:
	}
	return nil
}

// stored is what the store holds. The projector may be writing into it what it has
// read from a log that is gone by now: that has to be among it, since nobody would put
// it back later.
func (k *Keeper) stored(ctx context.Context) iter.Seq2[events.Revocation, error] {
	return func(yield func(events.Revocation, error) bool) {
		if err := k.projector.Rebind(ctx); err != nil {
			yield(events.Revocation{}, err)
			return
		}
		if err := k.committer.readClock(ctx); err != nil { // for the ages of what it holds
			yield(events.Revocation{}, fmt.Errorf("%w: %w", errNoStore, err))
			return
		}
		for r, err := range k.store.Live(ctx) {
			if err != nil && !errors.Is(err, events.ErrBadRevocation) {
				err = fmt.Errorf("%w: %w", errNoStore, err)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// live is what the store holds, and what edges hold besides.
func (k *Keeper) live(ctx context.Context) iter.Seq2[events.Revocation, error] {
	return func(yield func(events.Revocation, error) bool) {
		var known []uint64
		for r, err := range k.stored(ctx) {
			if err == nil {
				known = append(known, r.Fingerprint())
			}
			if !yield(r, err) {
				return
			}
		}
		for r := range k.Offers(ctx, known, k.interval) {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// serve begins to answer questions, once. From then on it refuses those that
// it may not answer, and the asker turns to others.
func (k *Keeper) serve(ctx context.Context) (err error) {
	if k.leave == nil {
		k.leave, err = k.exchange.Serve(context.WithoutCancel(ctx), k.barrier.Answer)
	}
	return err
}

// reap removes the sessions that cutoffs have ended. A whole pass may take long;
// what is cut short is taken up again, by whichever issuer.
func (k *Keeper) reap(ctx context.Context) {
	for events.Sleep(ctx, reapInterval) {
		switch n, err := k.store.Reap(ctx); {
		case err != nil:
			k.slog.Debug("sessions not removed", "error", err)
		case n > 0:
			k.slog.Info("sessions ended by a cutoff removed", "sessions", n)
		}
	}
}

// project writes a batch of the log into the store.
func (k *Keeper) project(batch []events.Message) error {
	var rs []events.Revocation
	for _, m := range batch {
		if b, ok := events.DecodeBeat(m); ok {
			k.heard(b, m.Time)
		}
		if m.Kind == events.KindGarbage {
			k.slog.Error("garbage in the log: somebody writes there who must not", "seq", m.Seq, "bytes", len(m.Data))
		}
		if m.Kind != events.KindRevocation {
			continue
		}
		r, err := events.DecodeRevocation(m.Data)
		if err != nil {
			k.slog.Error("unreadable revocation in the log", "seq", m.Seq, "error", err)
			continue
		}
		k.committer.Saw(r.Stamp)
		rs = append(rs, r)
	}
	if len(rs) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), logTimeout)
	defer cancel()
	filled, _ := k.watch.filled.Load().(string)
	err := k.store.Apply(ctx, filled, rs)
	if errors.Is(err, ErrRefillLost) {
		k.watch.moved.Store(filled)
	}
	return err
}

// heard takes a beat, which the log stamped at a time of its own clock. Only one of
// an issuer says anything of stamps.
func (k *Keeper) heard(b events.Beat, at time.Time) {
	if b.Stamp == 0 {
		return
	}
	if !k.committer.Heard(b.Stamp) {
		k.slog.Error("a beat in the log claims stamps of the far future: ignored", "by", b.By, "id", b.ID, "stamp", b.Stamp)
		return
	}
	k.watch.log.saw(b.Stamp, at)
}
