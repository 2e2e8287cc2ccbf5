package commit

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// first is what an issuer makes sure of before it answers anybody.
type first struct {
	doubt    chan struct{}        // has the goroutine that keeps the log look at once
	compared atomic.Pointer[pass] // in which the log was last compared with the store; nil: never

	// How many interruptions there were when the outbox was last relayed; the
	// barrier's goroutine sets it.
	relayed uint64
	// Since when the outbox cannot be read, zero while it can, after so many
	// interruptions.
	unread   time.Time
	unreadIn uint64
}

// A pass is one reading of the log without an interruption.
type pass struct{ lineage, interruptions uint64 }

func (k *Keeper) pass() pass {
	return pass{k.follower.Position().Lineage, k.follower.Interruptions()}
}

// isCompared reports whether the log was compared with the store since it could last
// lose something unseen. A reader that resumes where it stood cannot tell whether the
// log has taken back what came behind that: only others had read it, and the store
// has it.
func (k *Keeper) isCompared() bool {
	at := k.first.compared.Load()
	return at != nil && *at == k.pass()
}

var errUncompared = errors.New("commit: the log was interrupted, and not compared with the store since")

// wholeFirst makes sure, before anybody is told how far to read, that the log holds
// what was revoked while it was away, and whatever it may have lost meanwhile. Who
// cannot reach the store gives others, who can, the time of the bound; then edges are
// answered, since they may have nobody else to ask.
func (k *Keeper) wholeFirst(ctx context.Context) error {
	f := &k.first
	now := 1 + k.follower.Interruptions() + k.barrier.Failures() + k.committer.broken.Load()
	if now != f.unreadIn {
		f.unread, f.unreadIn = time.Time{}, now // others could not either before the log was back
	}
	if now != f.relayed {
		switch err := k.relayFirst(ctx); {
		case errors.Is(err, errNoOutbox) && k.isAway():
			return nil
		case err != nil:
			return err
		}
		f.relayed = now
	}
	if k.isCompared() || !k.barrier.Admitted() { // then nobody is answered anyhow
		return nil
	}
	switch err := k.committer.readClock(ctx); {
	case err == nil:
		f.unread = time.Time{}
	case k.isAway():
		return nil
	}
	select {
	case f.doubt <- struct{}{}:
	default:
	}
	return errUncompared
}

// isAway is told that the store cannot be read, and reports whether that has been so
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
