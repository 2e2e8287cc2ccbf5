package commit_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/commit/memstore"
	"github.com/curfew-auth/curfew/internal/events"
)

// An astrayStore has some calls come to another server behind the same address, over
// connections from before a failover.
type astrayStore struct {
	*memstore.Client
	old    *memstore.Client
	astray *atomic.Bool
}

func (s astrayStore) Apply(ctx context.Context, incarnation string, rs []events.Revocation) error {
	if s.astray.Load() {
		return s.old.Apply(ctx, incarnation, rs)
	}
	return s.Client.Apply(ctx, incarnation, rs)
}

// TestRefillOfOneServer: after a failover the log is written over connections to the
// old primary, and the new one is asked to vouch. It has not got what it lost.
func TestRefillOfOneServer(t *testing.T) {
	inWorld(t, func(w *world) {
		old := memstore.New(storeSkew, t.Errorf)
		old.Restart() // another process
		old.Restart()
		var astray atomic.Bool
		i := &issuer{life: &life{}}
		i.Committer = commit.NewCommitter(astrayStore{w.store.Client(nil), old.Client(nil), &astray}, w.log, iss, accessTTL, quiet)
		i.keeper = commit.NewKeeper(i.Committer, w.x, "a", staleness, quiet)
		go i.keeper.Run(w.ctx)
		w.settled(i)
		ended := w.mustCommit(i, 3)
		astray.Store(true)
		w.store.Failover(20) // and its last writes are lost
		lost := 0
		for _, sid := range ended {
			if !w.store.Holds(key(sid)) {
				lost++
			}
		}
		if lost == 0 {
			t.Fatal("the failover lost nothing")
		}
		for end := time.Now().Add(4 * staleness); time.Now().Before(end); w.sleep(10 * time.Millisecond) {
			if w.vouched() {
				t.Fatal("vouched for a server that was not filled")
			}
		}
		astray.Store(false)
		w.within(2*staleness, "the store is whole", w.vouched)
		w.wantBoth(ended...)
	})
}
