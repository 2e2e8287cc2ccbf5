package guard

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/curfew-auth/curfew/internal/cache"
	"github.com/curfew-auth/curfew/internal/events"
)

// recheckers is how many live connections are checked at once.
const recheckers = 16

// CheckLive is CheckMode for a connection that lasts. The context that it
// returns carries the [Identity] and ends, with one of this package's errors
// as its [context.Cause],
//
//   - when the token is revoked, by whatever scope, or must be refreshed, as
//     soon as this node knows;
//   - when the token has expired;
//   - when for longer than B it could not be known whether it still is good
//     (unless Config.FailOpen), or the guard is closed.
//
// With neither log nor store to ask, a connection therefore outlives a
// revocation by at most 2.25 B and a LookupTimeout, where a new request is
// refused after B: a short fault should not end every connection at once.
// Whatever CheckMode would find is found within B/4, unless the store must be
// asked and is too slow; the bound holds all the same.
//
// Call release when the connection is over; it also ends the context. The end
// of ctx releases too.
func (g *Guard) CheckLive(ctx context.Context, raw string, mode Mode) (live context.Context, release context.CancelFunc, err error) {
	v, err := g.verify(ctx, raw)
	if err != nil {
		g.metrics.refused(err)
		return nil, nil, err
	}
	live, cancel := context.WithCancelCause(WithIdentity(ctx, v.identity))
	w := &watch{raw: raw, mode: mode, live: live, cancel: cancel, known: g.copy.Now(),
		keys: [...]cache.Key{v.token.IDs[0], v.token.IDs[1], v.token.User}}
	// Watched first and checked then: a revocation comes before the check,
	// which finds it, or after, and wakes the watch.
	if !g.watches.add(w) {
		cancel(nil)
		return nil, nil, fmt.Errorf("%w: the guard is closed", ErrUnknown)
	}
	if _, err := g.CheckMode(ctx, raw, mode); err != nil {
		g.watches.remove(w)
		cancel(err)
		return nil, nil, err
	}
	context.AfterFunc(live, func() { g.watches.remove(w) })
	return live, func() { cancel(nil) }, nil
}

// recheck decides again about a connection and ends it if need be. Several may
// run at once for the same one.
func (g *Guard) recheck(ctx context.Context, w *watch) {
	if w.live.Err() != nil {
		return
	}
	now := g.copy.Now()
	_, err := g.CheckMode(ctx, w.raw, w.mode)
	if err == nil {
		w.knowAt(now)
		return
	}
	if RefusalOf(err).Status == http.StatusServiceUnavailable && g.copy.Now()-w.knownAt() <= g.copy.Staleness() {
		return
	}
	w.cancel(err)
}

// recheckAll goes over all connections every B/4, and whenever it is woken. On
// the way out it ends them all.
func (g *Guard) recheckAll(ctx context.Context) {
	defer func() {
		for _, w := range g.watches.close() {
			w.cancel(fmt.Errorf("%w: the guard is closed", ErrUnknown))
		}
	}()
	for g.watches.wait(ctx, g.copy.Staleness()/4) {
		g.recheckEach(ctx, g.watches.all())
	}
}

// endOverdue ends the connections whose turn does not come in time, because the
// store is slow and must be asked about many: nothing is known of them.
func (g *Guard) endOverdue(ctx context.Context) {
	for events.Sleep(ctx, g.copy.Staleness()/8) {
		now := g.copy.Now()
		for _, w := range g.watches.all() {
			if g.needsStore(w) && w.overdue(now, g.copy.Staleness()) {
				w.cancel(fmt.Errorf("%w: the store is too slow for all connections", ErrUnknown))
			}
		}
	}
}

// needsStore reports whether a connection may go on only by the store's word.
func (g *Guard) needsStore(w *watch) bool {
	switch w.mode {
	case Stateless:
		return false
	case Local:
		return !g.config.FailOpen && g.copy.State() != cache.Fresh
	}
	return true
}

func (g *Guard) recheckEach(ctx context.Context, list []*watch) {
	var running sync.WaitGroup
	for part := range min(recheckers, len(list)) {
		running.Go(func() {
			for i := part; i < len(list); i += recheckers {
				g.recheck(ctx, list[i])
			}
		})
	}
	running.Wait()
}

// wakeLive has the connections checked that a revocation may concern. A tenant,
// everyone or a key may be all of them.
func (g *Guard) wakeLive(r events.Revocation) {
	switch r.Scope {
	case events.ScopeToken, events.ScopeSession, events.ScopeUser:
		g.recheckSoon(g.key(r.Scope, r.Issuer, r.Tenant, r.Subject))
	default:
		g.watches.wake()
	}
}

// recheckSoon has the connections checked that one key concerns. It does not wait
// for that.
func (g *Guard) recheckSoon(k cache.Key) {
	if concerned := g.watches.of(k); len(concerned) > 0 {
		go g.recheckEach(context.Background(), concerned)
	}
}
