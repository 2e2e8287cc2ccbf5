package storetest

import (
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/session"
)

func furthestTests() []test {
	return []test{
		{"a revocation outlives every token that was handed out", outlivesTokens},
		{"a refresh hands out a token too", refreshHandsOut},
		{"an eviction outlives every token that was handed out", evictionOutlives},
		{"a store that lost its data is told what was handed out", furthestAfterALoss},
		{"a clock that was days ahead keeps no revocation for ever", furthestIsBounded},
	}
}

func (r *room) loginFor(t *testing.T, accessTTL time.Duration) session.Session {
	t.Helper()
	o := opening(newSession("acme", "u1"), 8*hour, 8*hour)
	o.AccessTTL = accessTTL
	opened, err := r.store.Create(t.Context(), o)
	must(t, err)
	return opened.Session
}

// outlives checks the life of a revocation, as it was returned and as it is held.
func (r *room) outlives(t *testing.T, rev events.Revocation, least time.Duration) {
	t.Helper()
	const late = 5 * time.Minute // of a slow machine
	if rev.TTL() < least+commit.Margin-late || rev.TTL() > least+commit.Margin+time.Second {
		t.Errorf("%s lives for %v, want %v and the margin", rev.Scope, rev.TTL(), least)
	}
	if left := r.ttl(t, rev); left > rev.TTL() || left < rev.TTL()-late {
		t.Errorf("held for %v, returned with %v", left, rev.TTL())
	}
	equal(t, "live", r.live(t)[rev.Subject], rev)
	out, err := r.store.Outbox(t.Context(), 10)
	must(t, err)
	equal(t, "outbox", out[0], rev)
	_, err = r.store.Settle(t.Context(), rev)
	must(t, err)
}

func outlivesTokens(t *testing.T, r *room) {
	first, err := r.store.Revoke(t.Context(), revocation(events.ScopeToken, "before", 2*hour))
	must(t, err)
	equal(t, "life before any token", first.TTL(), 2*hour)
	_, err = r.store.Settle(t.Context(), first)
	must(t, err)
	r.loginFor(t, 3*hour)
	r.loginFor(t, hour) // the setting was lowered
	for _, rev := range []events.Revocation{
		revocation(events.ScopeToken, `"ttl_ms":3600000`, hour), // a subject is any text
		revocation(events.ScopeSession, "s", hour), cutoffOf(events.ScopeUser, "acme", "u1"), revocation(events.ScopeKey, "k", hour),
	} {
		got, err := r.store.Revoke(t.Context(), rev)
		must(t, err)
		r.outlives(t, got, 3*hour)
		r.replayIsTheSame(t, got)
	}
	long, err := r.store.Revoke(t.Context(), revocation(events.ScopeToken, "long", 7*hour))
	must(t, err)
	equal(t, "a life that is long enough", long.TTL(), 7*hour)
}

func refreshHandsOut(t *testing.T, r *room) {
	s := r.loginFor(t, hour)
	rot := rotation(s.ID, 2, 3)
	rot.AccessTTL = 4 * hour
	for range 2 { // a retry gets a token of its own
		_, err := r.store.Rotate(t.Context(), rot)
		must(t, err)
		rot.AccessTTL += hour
	}
	got, err := r.store.Revoke(t.Context(), revocation(events.ScopeSession, s.ID, hour))
	must(t, err)
	r.outlives(t, got, 5*hour)
}

func evictionOutlives(t *testing.T, r *room) {
	r.loginFor(t, 3*hour)
	o := opening(newSession("acme", "u1"), hour, hour)
	o.Limit, o.AccessTTL = session.Limit{Total: 1}, hour
	opened, err := r.store.Create(t.Context(), o)
	must(t, err)
	equal(t, "evicted", len(opened.Evicted), 1)
	r.outlives(t, opened.Evicted[0].Revocation, 3*hour)
	r.replayIsTheSame(t, opened.Evicted[0].Revocation)
}

func furthestAfterALoss(t *testing.T, r *room) {
	r.loginFor(t, 3*hour)
	kept, err := r.store.KeepVouch(t.Context(), time.Now())
	must(t, err)
	if kept.Furthest > 3*hour || kept.Furthest < 3*hour-time.Minute {
		t.Fatalf("a token is good for %v more, want %v", kept.Furthest, 3*hour)
	}
	must(t, r.rdb.FlushAll(t.Context()).Err())
	refill := r.begin(t)
	refill.Furthest = kept.Furthest
	must(t, r.store.Vouch(t.Context(), refill, time.Now()))
	refill.Furthest = 0
	must(t, r.store.Vouch(t.Context(), refill, time.Now())) // another knows less
	got, err := r.store.Revoke(t.Context(), revocation(events.ScopeToken, "x", hour))
	must(t, err)
	r.outlives(t, got, kept.Furthest)
}

func furthestIsBounded(t *testing.T, r *room) {
	must(t, r.rdb.Set(t.Context(), r.prefix+"furthest", time.Now().Add(1000*hour).UnixMilli(), 0).Err())
	got, err := r.store.Revoke(t.Context(), revocation(events.ScopeToken, "x", hour))
	must(t, err)
	equal(t, "life", got.TTL(), 48*hour+commit.Margin)
	kept, err := r.store.KeepVouch(t.Context(), time.Now())
	must(t, err)
	equal(t, "what issuers are told", kept.Furthest, 48*hour)
}
