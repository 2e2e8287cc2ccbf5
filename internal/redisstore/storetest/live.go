package storetest

import (
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/redisstore"
)

func liveTests() []test {
	return []test{
		{"a session is live until it is ended", liveUntilEnded},
		{"a session is live until it expires", liveUntilExpired},
		{"another issuer's session of the same sid is not live", liveIsScoped},
		{"live, but revoked or unvouched, says so", liveNeedsTheRest},
	}
}

func (r *room) alive(t *testing.T, issuer, sid string, keys ...string) redisstore.Verdict {
	t.Helper()
	v, err := r.lookup.Live(t.Context(), redisstore.Question{IDs: append(keys, "session:other")}, issuer, sid, hour)
	must(t, err)
	return v
}

func liveUntilEnded(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	equal(t, "verdict", r.alive(t, issuer, s.ID), redisstore.Verdict{Vouched: true, Live: true})
	equal(t, "verdict of an unknown sid", r.alive(t, issuer, "unknown"), redisstore.Verdict{Vouched: true})
	_, err := r.store.Revoke(t.Context(), revocation(events.ScopeSession, s.ID, hour))
	must(t, err)
	equal(t, "verdict after the end", r.alive(t, issuer, s.ID), redisstore.Verdict{Vouched: true})
}

func liveUntilExpired(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", 20*time.Millisecond, hour)
	eventually(t, "the session has expired", func() bool { return !r.alive(t, issuer, s.ID).Live })
	kept := r.login(t, "acme", "u1", hour, hour) // a key that outlives its session
	must(t, r.rdb.HSet(t.Context(), r.prefix+"s:"+kept.ID, "expires", "1").Err())
	equal(t, "live past its end", r.alive(t, issuer, kept.ID).Live, false)
}

func liveIsScoped(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	equal(t, "live", r.alive(t, "https://other.test", s.ID).Live, false)
	equal(t, "live", r.alive(t, "", s.ID).Live, false)
}

func liveNeedsTheRest(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	rev := revocation(events.ScopeToken, "j1", hour)
	must(t, r.store.Apply(t.Context(), "", []events.Revocation{rev}))
	equal(t, "verdict", r.alive(t, issuer, s.ID, rev.Key()), redisstore.Verdict{Revoked: true, Vouched: true, Live: true})
	must(t, r.rdb.Del(t.Context(), r.prefix+"vouch").Err())
	equal(t, "verdict", r.alive(t, issuer, s.ID), redisstore.Verdict{Live: true})
}
