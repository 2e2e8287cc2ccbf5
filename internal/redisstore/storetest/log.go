package storetest

import (
	"math"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/session"
)

func logTests() []test {
	return []test{
		{"applying keeps the stamp and skips the outbox", applyKeepsStamp},
		{"applying twice is applying once", applyIdempotent},
		{"applying ends sessions, unvouched too", applyEndsSessions},
		{"applying survives a lost script cache", applyReloads},
		{"a refill gives every entry its whole life again", refillLengthens},
		{"a senseless stamp does not break the store", senselessStamp},
	}
}

func applyKeepsStamp(t *testing.T, r *room) {
	rev := revocation(events.ScopeToken, "x", hour)
	rev.Stamp, rev.Incarnation = 1234567890123, "abc-def"
	pending := revocation(events.ScopeToken, "pending", hour)
	must(t, r.store.Apply(t.Context(), "", []events.Revocation{rev, pending}))
	equal(t, "live", r.live(t)["x"], rev)
	equal(t, "live without an origin", r.live(t)["pending"], pending)
	out, err := r.store.Outbox(t.Context(), 10)
	must(t, err)
	equal(t, "entries in the outbox", len(out), 0)
	must(t, r.store.Apply(t.Context(), "", nil))
}

func applyIdempotent(t *testing.T, r *room) {
	batch := []events.Revocation{
		revocation(events.ScopeToken, "a", hour), revocation(events.ScopeToken, "b", hour),
	}
	for range 3 {
		must(t, r.store.Apply(t.Context(), "", append(batch, batch...)))
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
	must(t, r.store.Apply(t.Context(), "", []events.Revocation{revocation(events.ScopeSession, s.ID, hour)}))
	must(t, r.rdb.HSet(t.Context(), r.prefix+"vouch", vouch).Err())
	_, err = r.store.Get(t.Context(), s.ID)
	wantError(t, "get", err, session.ErrNotFound)
	_, err = r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	wantError(t, "rotate", err, session.ErrEnded)
}

// refillLengthens: what is left of it was counted by the clock of a server before,
// or by one that has leapt.
func refillLengthens(t *testing.T, r *room) {
	for _, rev := range []events.Revocation{revocation(events.ScopeToken, "x", hour), cutoffOf(events.ScopeUser, "acme", "u")} {
		rev, err := r.store.Revoke(t.Context(), rev)
		must(t, err)
		must(t, r.rdb.PExpire(t.Context(), r.prefix+"rev:"+rev.Key(), time.Minute).Err())
		must(t, r.store.Apply(t.Context(), "", []events.Revocation{rev}))
		if d := r.ttl(t, rev); d > time.Minute {
			t.Errorf("%s: a replay lengthened it to %v", rev.Scope, d)
		}
		must(t, r.store.Withdraw(t.Context(), rev.Incarnation))
		must(t, r.store.Apply(t.Context(), "", []events.Revocation{rev}))
		if d := r.ttl(t, rev); d < hour-time.Minute {
			t.Errorf("%s: lives for %v after a refill", rev.Scope, d)
		}
		at, err := r.rdb.ZScore(t.Context(), r.prefix+"revs", rev.Key()).Result()
		must(t, err)
		if left := time.Until(time.UnixMilli(int64(at))); left < hour-time.Minute {
			t.Errorf("%s: listed for %v", rev.Scope, left)
		}
		r.refill(t)
	}
}

func applyReloads(t *testing.T, r *room) {
	must(t, r.rdb.ScriptFlush(t.Context()).Err())
	rev := revocation(events.ScopeToken, "x", hour)
	must(t, r.store.Apply(t.Context(), "", []events.Revocation{rev}))
	must(t, r.rdb.ScriptFlush(t.Context()).Err())
	equal(t, "revoked", r.ask(t, rev, hour).Revoked, true)
	must(t, r.rdb.ScriptFlush(t.Context()).Err())
	r.login(t, "acme", "u1", hour, hour)
}

func senselessStamp(t *testing.T, r *room) {
	high, low := revocation(events.ScopeToken, "high", hour), revocation(events.ScopeToken, "low", hour)
	high.Stamp, low.Stamp = math.MaxInt64, math.MinInt64
	high.TTLMillis = events.MaxTTL.Milliseconds()
	must(t, r.store.Apply(t.Context(), "", []events.Revocation{low, high}))
	r.login(t, "acme", "u1", hour, hour)
	equal(t, "live", len(r.live(t)), 2)
}
