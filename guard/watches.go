package guard

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/curfew-auth/curfew/internal/cache"
)

const watchShards = 64 // a power of two

// A watch is one live connection.
type watch struct {
	raw    string
	mode   Mode
	keys   [3]cache.Key // of its jti, its sid and its user
	cancel context.CancelCauseFunc

	live context.Context // that cancel ends

	mu    sync.Mutex
	known time.Duration // when it was last known to be good, by the copy's clock
	late  bool          // that was too long ago, at the last look
}

func (w *watch) knowAt(now time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known = max(w.known, now)
}

func (w *watch) knownAt() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.known
}

// overdue reports whether at this look, and at the one before, the connection
// was last known to be good longer ago than the bound. At the first look after
// the process was stopped all are late, good ones too.
func (w *watch) overdue(now, bound time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.late
	w.late = now-w.known > bound
	return before && w.late
}

// watches finds live connections by what may be revoked of them. The zero
// value is not usable: call newWatches.
type watches struct {
	count  atomic.Int64
	closed atomic.Bool
	poke   chan struct{} // of capacity 1
	shards [watchShards]struct {
		mu    sync.Mutex
		byKey map[cache.Key]map[*watch]struct{}
	}
}

func newWatches() *watches {
	t := &watches{poke: make(chan struct{}, 1)}
	for i := range t.shards {
		t.shards[i].byKey = map[cache.Key]map[*watch]struct{}{}
	}
	return t
}

// add reports false once the table is closed.
func (t *watches) add(w *watch) bool {
	t.count.Add(1)
	for _, k := range w.keys {
		s := &t.shards[k[0]%watchShards]
		s.mu.Lock()
		if s.byKey[k] == nil {
			s.byKey[k] = map[*watch]struct{}{}
		}
		s.byKey[k][w] = struct{}{}
		s.mu.Unlock()
	}
	if t.closed.Load() { // close may have listed before it was there
		t.remove(w)
		return false
	}
	return true
}

// remove is called once for each watch that was added.
func (t *watches) remove(w *watch) {
	t.count.Add(-1)
	for _, k := range w.keys {
		s := &t.shards[k[0]%watchShards]
		s.mu.Lock()
		delete(s.byKey[k], w)
		if len(s.byKey[k]) == 0 {
			delete(s.byKey, k)
		}
		s.mu.Unlock()
	}
}

// of lists the connections that one key concerns. Without any it costs one
// atomic load.
func (t *watches) of(k cache.Key) (out []*watch) {
	if t.count.Load() == 0 {
		return nil
	}
	s := &t.shards[k[0]%watchShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.byKey[k] {
		out = append(out, w)
	}
	return out
}

// all lists every connection once.
func (t *watches) all() (out []*watch) {
	if t.count.Load() == 0 {
		return nil
	}
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for k, set := range s.byKey {
			for w := range set {
				if w.keys[0] == k {
					out = append(out, w)
				}
			}
		}
		s.mu.Unlock()
	}
	return out
}

// close makes add fail and lists what is left.
func (t *watches) close() []*watch {
	t.closed.Store(true)
	return t.all()
}

// wake has every connection checked soon. It does not block.
func (t *watches) wake() {
	select {
	case t.poke <- struct{}{}:
	default:
	}
}

// wait returns after the interval or a wake; false once ctx has ended.
func (t *watches) wait(ctx context.Context, interval time.Duration) bool {
	timer := time.NewTimer(interval)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-t.poke:
	}
	return true
}
