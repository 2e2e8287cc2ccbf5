package commit_test

import (
	"sync"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

// An edge decides as package guard does: by its copy while that is fresh, else
// by the store while somebody vouches for that.
type edge struct {
	world    *world
	follower *events.Follower
	sync     *events.Sync
	start    time.Time

	mu   sync.Mutex
	asOf time.Duration
	seen map[string]bool
	cuts map[string]int64
}

func (w *world) edge(name string) *edge { return w.edgeOn(name, w.log) }

func (w *world) edgeOn(name string, log events.Log) *edge {
	e := &edge{world: w, start: time.Now().Add(-time.Second), seen: map[string]bool{}, cuts: map[string]int64{}}
	e.follower = events.NewFollower(log, e.apply, quiet)
	e.sync = &events.Sync{
		Exchange: w.x, Follower: e.follower, Log: quiet,
		Barrier:  events.NewBarrier(log, e.follower, events.RoleEdge, name, staleness/50),
		Interval: staleness / 4,
		Elapsed:  e.elapsed,
		Renew: func(asOf, _ time.Duration) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.asOf = max(e.asOf, asOf)
		},
	}
	go e.follower.Run(w.ctx)
	go e.sync.Run(w.ctx)
	return e
}

func (e *edge) elapsed() time.Duration { return time.Since(e.start) }

func (e *edge) apply(batch []events.Message) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range batch {
		switch m.Kind {
		case events.KindRevocation:
			if r, err := events.DecodeRevocation(m.Data); err == nil {
				e.seen[r.Subject] = true
				e.cuts[r.Key()] = max(e.cuts[r.Key()], r.Stamp)
			}
		case events.KindBeat:
			if b, ok := events.DecodeBeat(m); ok {
				e.sync.SawBeat(m, b)
			}
		}
	}
	return nil
}

func (e *edge) revoked(sid string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.seen[sid]
}

// fresh reports whether the edge knows all that was answered until B ago.
func (e *edge) fresh() bool { return e.within(e.freshAsOf()) }

func (e *edge) freshAsOf() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asOf
}

func (e *edge) within(asOf time.Duration) bool { return asOf > 0 && e.elapsed()-asOf <= staleness }

// accepts is the decision about a token of a session.
func (e *edge) accepts(sid string) bool { return e.decide(sid, func() {}) }

// decide reads first as of when the edge is complete, then searches, and reads
// the clock last. It is held up between any two of them.
func (e *edge) decide(sid string, heldUp func()) bool {
	asOf := e.freshAsOf()
	heldUp()
	revoked := e.revoked(sid)
	heldUp()
	switch {
	case revoked:
		return false
	case e.within(asOf):
		return true
	}
	v, err := e.world.store.Lookup(staleness-lookupTimeout, key(sid))
	return err == nil && v.Vouched && !v.Revoked
}

// cut reports whether the edge knows that the token is over.
func (e *edge) cut(t token) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return t.stamp <= e.cuts[t.key]
}

func (e *edge) acceptsToken(t token) bool {
	asOf := e.freshAsOf()
	switch {
	case e.cut(t):
		return false
	case e.within(asOf):
		return true
	}
	v, err := e.world.store.Lookup(staleness - lookupTimeout)
	return err == nil && v.Vouched && t.stamp > e.world.store.Cutoff(t.key)
}
