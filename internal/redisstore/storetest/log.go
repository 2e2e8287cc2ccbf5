package storetest

import (
	"math"
	"testing"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/session"
)

func logTests() []test {
	return []test{
		{"applying keeps the stamp and skips the outbox", applyKeepsStamp},
		{"applying twice is applying once", applyIdempotent},
		{"applying ends sessions, unvouched too", applyEndsSessions},
		{"applying survives a lost script cache", applyReloads},
		{"a senseless stamp does not break the store", senselessStamp},
	}
}

func applyKeepsStamp(t *testing.T, r *room) {
	rev := revocation(events.ScopeToken, "x", hour)
	rev.Stamp, rev.Incarnation = 1234567890123, "abc-def"
	pending := revocation(events.ScopeToken, "pending", hour)
	must(t, r.store.Apply(t.Context(), []events.Revocation{rev, pending}))
	equal(t, "live", r.live(t)["x"], rev)
	equal(t, "live without an origin", r.live(t)["pending"], pending)
	out, err := r.store.Outbox(t.Context(), 10)
	must(t, err)
	equal(t, "entries in the outbox", len(out), 0)
	must(t, r.store.Apply(t.Context(), nil))
}

func applyIdempotent(t *testing.T, r *room) {
	batch := []events.Revocation{
		revocation(events.ScopeToken, "a", hour), revocation(events.ScopeToken, "b", hour),
	}
	for range 3 {
		must(t, r.store.Apply(t.Context(), append(batch, batch...)))
	}
	live := r.live(t)
	equal(t, "live", len(live), 2)
	equal(t, "a", live["a"], batch[0])
}

func applyEndsSessions(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	vouch, err := r.rdb.HGetAll(t.Context(), r.prefix+"vouch").Result()
	must(t, err)
	must(t, r.rdb.Del(t.Context(), r.prefix+"vouch").Err())
	must(t, r.store.Apply(t.Context(), []events.Revocation{revocation(events.ScopeSession, s.ID, hour)}))
	must(t, r.rdb.HSet(t.Context(), r.prefix+"vouch", vouch).Err())
	_, err = r.store.Get(t.Context(), s.ID)
	wantError(t, "get", err, session.ErrNotFound)
	_, err = r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	wantError(t, "rotate", err, session.ErrEnded)
}

func applyReloads(t *testing.T, r *room) {
	must(t, r.rdb.ScriptFlush(t.Context()).Err())
	rev := revocation(events.ScopeToken, "x", hour)
	must(t, r.store.Apply(t.Context(), []events.Revocation{rev}))
	must(t, r.rdb.ScriptFlush(t.Context()).Err())
	equal(t, "revoked", r.ask(t, rev, hour).Revoked, true)
	must(t, r.rdb.ScriptFlush(t.Context()).Err())
	r.login(t, "acme", "u1", hour, hour)
}

func senselessStamp(t *testing.T, r *room) {
	high, low := revocation(events.ScopeToken, "high", hour), revocation(events.ScopeToken, "low", hour)
	high.Stamp, low.Stamp = math.MaxInt64, math.MinInt64
	high.TTLMillis = events.MaxTTL.Milliseconds()
	must(t, r.store.Apply(t.Context(), []events.Revocation{low, high}))
	r.login(t, "acme", "u1", hour, hour)
	equal(t, "live", len(r.live(t)), 2)
}
