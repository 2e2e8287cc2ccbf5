package commit_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/commit/memstore"
	"github.com/curfew-auth/curfew/internal/events"
)

// A steadyStore lists its outbox in the same order each time, as HSCAN does of a hash
// that does not change; memstore's comes in the random order of a Go map.
type steadyStore struct{ *memstore.Client }

func (s steadyStore) Outbox(ctx context.Context, limit int) ([]events.Revocation, error) {
	all, err := s.Client.Outbox(ctx, 1<<20)
	slices.SortFunc(all, func(a, b events.Revocation) int { return cmp.Compare(a.ID, b.ID) })
	return all[:min(limit, len(all))], err
}

func (w *world) steadyIssuer(name string, before func(op string) error) *issuer {
	i := &issuer{life: &life{}}
	i.Committer = commit.NewCommitter(steadyStore{w.store.Client(before)}, w.log, iss, accessTTL, quiet)
	i.keeper = commit.NewKeeper(i.Committer, w.x, name, staleness, quiet)
	go i.keeper.Run(w.ctx)
	return i
}

// While the log is away, users log out (202) and edges refuse by the store's word. Then
// the store's replica dies: with min-replicas-to-write the store can be read and refuses
// writes. The log comes back, and what was refused gets there, not over and over again.
func TestRelayWhileTheStoreRefusesWrites(t *testing.T) {
	inWorld(t, func(w *world) {
		errReadOnly := errors.New("NOREPLICAS")
		var readOnly atomic.Bool
		before := func(op string) error {
			switch op {
			case "now", "outbox", "live":
				return nil
			}
			if readOnly.Load() {
				return errReadOnly
			}
			return nil
		}
		a, b := w.steadyIssuer("a", before), w.steadyIssuer("b", before)
		w.settled(a, b)
		e, f := w.edge("e"), w.edge("f")
		w.sleep(3 * time.Second)
		const n = 1200 // more than are published at a time
		w.log.SetDown(true)
		for sid := range n {
			if ok, err := w.revoke(a, fmt.Sprint(sid)); ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		w.sleep(12 * time.Second)
		for sid := range n {
			if e.accepts(fmt.Sprint(sid)) || f.accepts(fmt.Sprint(sid)) {
				t.Fatal("not refused by the store")
			}
		}
		readOnly.Store(true)
		w.log.SetDown(false)
		for _, after := range []time.Duration{30 * time.Second, 5 * time.Minute} {
			w.sleep(after)
			accepted := 0
			for sid := range n {
				if f.accepts(fmt.Sprint(sid)) {
					accepted++
				}
			}
			copies := 0
			for sid := range n {
				copies += w.log.count(fmt.Sprint(sid))
			}
			if accepted > 0 || !f.fresh() || copies > 3*n {
				t.Errorf("%s later: fresh %t, %d of %d refused sessions are accepted; %d copies in the log", after, f.fresh(), accepted, n, copies)
			}
		}
	})
}

// What was filed once more, by a higher stamp, is another revocation than the one that
// is in the log already.
func TestRelayOfWhatWasFiledAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a") // makes the log
		w.settled(a)
		a.kill()
		var refuses atomic.Bool
		store := w.store.Client(func(op string) error {
			if op == "settle" && refuses.Load() {
				return errKilled
			}
			return nil
		})
		once := commit.RelayOnce(store, w.log)
		r := cutoff("u", "again")
		r.ID = "r"
		refuses.Store(true)
		if _, err := store.Revoke(w.ctx, r); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			_ = once(w.ctx)
		}
		w.sleep(time.Second)
		again, err := store.Revoke(w.ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		refuses.Store(false)
		for range 3 {
			_ = once(w.ctx)
		}
		stamps := []int64{}
		for _, held := range w.log.all() {
			stamps = append(stamps, held.Stamp)
		}
		if !slices.Contains(stamps, again.Stamp) || w.store.Unsettled() > 0 {
			t.Errorf("the log has %v, want also %d; %d unsettled", stamps, again.Stamp, w.store.Unsettled())
		}
	})
}
