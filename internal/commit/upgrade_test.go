package commit_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/commit/memstore"
	"github.com/curfew-auth/curfew/internal/events"
)

// A newerStore holds one entry that this version cannot read.
type newerStore struct{ *memstore.Client }

func (s newerStore) Live(ctx context.Context) iter.Seq2[events.Revocation, error] {
	return func(yield func(events.Revocation, error) bool) {
		if !yield(events.Revocation{}, fmt.Errorf("a newer issuer's: %w", events.ErrBadRevocation)) {
			return
		}
		for r, err := range s.Client.Live(ctx) {
			if !yield(r, err) {
				return
			}
		}
	}
}

// An entry of a newer issuer in the store does not keep the edges from being asked again.
func TestEdgesThatComeBackLaterDuringAnUpgrade(t *testing.T) {
	inWorld(t, func(w *world) {
		a := &issuer{life: &life{}}
		a.Committer = commit.NewCommitter(newerStore{w.store.Client(nil)}, w.log, iss, accessTTL, quiet)
		a.keeper = commit.NewKeeper(a.Committer, w.x, "a", staleness, quiet)
		go a.keeper.Run(w.ctx)
		w.settled(a)
		sids := w.mustCommit(a, 3)
		w.sleep(time.Minute)
		held, back := w.log.all(), time.Now().Add(3*time.Second)
		a.keeper.Offers = func(_ context.Context, known []uint64, _ time.Duration) iter.Seq[events.Revocation] {
			return slices.Values(slices.DeleteFunc(slices.Clone(held), func(r events.Revocation) bool {
				return time.Now().Before(back) || slices.Contains(known, r.Fingerprint())
			}))
		}
		w.store.Pay()
		w.store.Wipe()
		w.log.recreate()
		w.sleep(10 * time.Minute)
		for _, sid := range sids {
			if !w.log.holds(sid) || !w.store.Holds(key(sid)) {
				t.Errorf("%s: in the log %t, in the store %t", sid, w.log.holds(sid), w.store.Holds(key(sid)))
			}
		}
	})
}
