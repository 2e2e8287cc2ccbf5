package guard

import (
	"context"
	"errors"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/redisstore"
)

// The store's states in [Status].
const (
	storeVouched   = "vouched"
	storeUnvouched = "unvouched"
	storeDown      = "down" // or none
)

// A Status is how far a guard can be trusted right now.
type Status struct {
	ID    string
	State string // syncing, fresh or stale
	Epoch string // identity of the log that is followed
	// AppliedSeq is how far it has been applied.
	AppliedSeq uint64
	// FreshAge is how long ago the copy was known to be complete; negative
	// if it never was.
	FreshAge time.Duration
	// Staleness is the bound B that it goes by.
	Staleness time.Duration
	// Doubt: an entry lives in the log that it cannot read, so it decides
	// nothing from memory but refusals.
	Doubt      bool
	Entries    int    // revoked ids held
	Overflowed uint64 // revoked ids that had to leave, and are covered by the filter
	Store      string // vouched, unvouched or down
}

// Bound is the staleness bound B that the node goes by: the setting, or the issuers'
// where that is smaller.
func (g *Guard) Bound() time.Duration { return g.copy.Staleness() }

// Status reports the guard's state.
func (g *Guard) Status() Status {
	pos := g.follower.Position()
	age, ok := g.copy.Age()
	if !ok {
		age = -1
	}
	return Status{
		ID: g.config.ID, State: g.copy.State().String(), Epoch: pos.Epoch, AppliedSeq: pos.Seq, FreshAge: age,
		Staleness: g.copy.Staleness(), Doubt: g.copy.Doubtful(), Entries: g.copy.Entries(), Overflowed: g.copy.Overflowed(), Store: g.store.Load().(string),
	}
}

// Ready returns nil once the guard has the issuer's keys and its copy has been
// fresh. It stays ready when it loses the log: it can still ask the store. In
// the mode Stateless the keys are enough.
func (g *Guard) Ready() error {
	switch {
	case !g.remote.Ready():
		return errors.New("waiting for the issuer's signing keys")
	case g.config.Mode == Stateless:
		return nil
	case !g.wasFresh.Load():
		return errors.New("syncing: the log of revocations has not been replayed yet")
	}
	return nil
}

// watch looks at the store now and then, and logs when a state changes.
func (g *Guard) watch(ctx context.Context) {
	state := g.copy.State().String()
	for {
		if now := g.look(ctx); g.store.Swap(now) != now {
			g.config.Log.Info("store is "+now, "store", now)
			g.reportSoon()
		}
		if now := g.copy.State().String(); now != state {
			g.config.Log.Info("copy is "+now, "state", now, "was", state, "applied_seq", g.follower.Position().Seq)
			state = now
			g.reportSoon()
		}
		if !events.Sleep(ctx, g.copy.Staleness()/8) {
			return
		}
	}
}

func (g *Guard) look(ctx context.Context) string {
	verdict, err := g.fallback.ask(ctx, redisstore.Question{IDs: []string{"watch"}})
	switch {
	case err != nil:
		return storeDown
	case verdict.Vouched:
		return storeVouched
	}
	return storeUnvouched
}
