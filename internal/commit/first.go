package commit

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// first is what an issuer makes sure of before it answers anybody.
type first struct {
	doubt    chan struct{}         // has the goroutine that keeps the log look at once
	compared atomic.Pointer[pass]  // in which the log was last compared with the store; nil: never
	blind    atomic.Pointer[blind] // in which it could not be, lately; nil: never
	compares atomic.Bool           // it is being compared, which may take long

	// Of the goroutine that keeps the log: when to compare again after a failure.
	retry interface {
		NextBackOff() time.Duration
		Reset()
	}
	again   time.Time
	againIn pass

	// Of the barrier's goroutine: how many interruptions there were when the outbox
	// was last relayed, and since when it cannot be read, zero while it can, after so
	// many interruptions.
	relayed  uint64
	unread   time.Time
	unreadIn uint64
}

// A pass is one reading of the log, up to where it was last resumed.
type pass struct{ lineage, resumes uint64 }

// blind says since when the store cannot be compared with, in one pass.
type blind struct {
	pass
	since time.Time
}

func (k *Keeper) pass() pass {
	return pass{k.follower.Position().Lineage, k.follower.Resumes()}
}

// isCompared reports whether the log was compared with the store since it could last
// lose something unseen. A reader that resumes where it stood cannot tell whether the
// log has taken back what came behind that: only others had read it, and the store
// has it.
func (k *Keeper) isCompared() bool {
	at := k.first.compared.Load()
	return at != nil && *at == k.pass()
}

// isExcused reports whether the store could not be compared with for the time of the
// bound: others, who can, have had that time, and edges may have nobody else to ask.
func (k *Keeper) isExcused() bool {
	b := k.first.blind.Load()
	return b != nil && !k.first.compares.Load() && b.pass == k.pass() && time.Since(b.since) >= 4*k.interval
}

// isWhole reports whether edges may be answered, as far as the store is concerned.
func (k *Keeper) isWhole() bool { return k.isCompared() || k.isExcused() }

var (
	errUncompared = errors.New("commit: the log was interrupted, and not compared with the store since")
	errNoStore    = errors.New("commit: nothing to compare the log with")
)

// compareLog puts back what the store knows and the log lacks. It leaves out the
// edges: they are asked for what they hold once it is done. If the store fails, it
// tries again after a while, since it reads the whole log each time.
func (k *Keeper) compareLog(ctx context.Context) error {
	f := &k.first
	if at := k.pass(); f.againIn != at {
		f.again, f.againIn = time.Time{}, at // the store may be well by now
	}
	if time.Now().Before(f.again) {
		return k.cannotCompare(nil)
	}
	if err := k.committer.readClock(ctx); err != nil {
		return k.cannotCompare(err)
	}
	f.compares.Store(true)
	defer f.compares.Store(false)
	err := k.compareWith(ctx, k.stored)
	if errors.Is(err, errNoStore) {
		f.again = time.Now().Add(f.retry.NextBackOff())
		return k.cannotCompare(err)
	}
	f.blind.Store(nil) // it can be read
	f.retry.Reset()
	return err
}

// cannotCompare notes since when the store cannot be compared with in this pass. A
// comparison under way does not count, however long it takes.
func (k *Keeper) cannotCompare(err error) error {
	if at, b := k.pass(), k.first.blind.Load(); b == nil || b.pass != at {
		k.first.blind.Store(&blind{at, time.Now()})
	}
	return errors.Join(errNoStore, err)
}

// wholeFirst makes sure, before anybody is told how far to read, that the log holds
// what was revoked while it was away, and whatever it may have lost meanwhile. Who
// cannot reach the store gives others, who can, the time of the bound.
func (k *Keeper) wholeFirst(ctx context.Context) error {
	f := &k.first
	now := 1 + k.follower.Interruptions() + k.barrier.Failures() + k.committer.broken.Load()
	if now != f.unreadIn {
		f.unread, f.unreadIn = time.Time{}, now // others could not either before the log was back
	}
	if now != f.relayed {
		switch err := k.relayFirst(ctx); {
		case errors.Is(err, errNoOutbox) && k.isAway():
		case err != nil:
			return err
		default:
			f.relayed = now
		}
	}
	if k.isWhole() || !k.barrier.Admitted() { // then nobody is answered anyhow
		return nil
	}
	select {
	case f.doubt <- struct{}{}:
	default:
	}
	return errUncompared
}

// isAway is told that the outbox cannot be read, and reports whether that has been so
// for the time of the bound.
func (k *Keeper) isAway() bool {
	if k.first.unread.IsZero() {
		k.first.unread = time.Now()
	}
	return time.Since(k.first.unread) >= 4*k.interval
}

// relayFirst puts the outbox into the log. Edges that lost the log have refused that
// already, by the store's word, and would accept it again.
func (k *Keeper) relayFirst(ctx context.Context) error {
	err := k.relay.all(ctx, true)
	if !errors.Is(err, errNoOutbox) {
		k.first.unread = time.Time{} // it can be read
	}
	return err
}
