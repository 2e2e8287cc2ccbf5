package storetest

import (
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/redisstore"
)

func withdrawTests() []test {
	return []test{
		{"a withdrawn vouch is gone for everybody, and its sessions stay", withdrawn},
		{"a vouch that nobody renewed for long, or whose clock has moved, ends", unkept},
		{"a server to which nobody came for hours keeps its sessions", longAlone},
		{"a server into which an older copy of its keys was put does not", putBack},
		{"a server that throws keys away is not vouched for", evicted},
		{"after keys were thrown away no list of sessions is relied on", evictedIndex},
		{"an edge takes the vouch of an issuer that does not count evictions", olderVouch},
		{"an entry whose place in the list was thrown away gets it back", evictedList},
	}
}

func wantLost(t *testing.T, err error) {
	t.Helper()
	wantError(t, "vouch", err, commit.ErrRefillLost)
}

func withdrawn(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	refill := r.begin(t)
	must(t, r.store.Withdraw(t.Context(), stranger))
	equal(t, "verdict", r.alive(t, issuer, s.ID), redisstore.Verdict{Vouched: true, Live: true})
	for range 2 { // two issuers notice the same
		must(t, r.store.Withdraw(t.Context(), refill.Incarnation))
		refuses(t, r, s.ID)
	}
	wantLost(t, r.store.Vouch(t.Context(), refill, time.Now()))
	refuses(t, r, s.ID)
	r.refill(t)
	wantLost(t, r.store.Vouch(t.Context(), refill, time.Now()))
	_, err := r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	must(t, err)
}

func unkept(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	set := func(ago time.Duration) {
		t.Helper()
		must(t, r.rdb.HSet(t.Context(), r.prefix+"vouch", "kept", time.Now().Add(-ago).UnixMilli()).Err())
	}
	for _, ago := range []time.Duration{commit.MaxUnkept + time.Second, -commit.MaxUnkept - time.Second} {
		set(commit.MaxUnkept - 10*time.Second)
		r.keep(t, time.Now().Add(-hour)) // executed late, as from the socket of a stopped server
		r.keep(t, time.Now())
		set(ago)
		_, err := r.store.KeepVouch(t.Context(), time.Now())
		wantError(t, "keep", err, commit.ErrUnvouched)
		refuses(t, r, s.ID) // it has ended for those who saw nothing, too
		r.refill(t)
		r.keep(t, time.Now())
	}
}

// alone has nobody renew the vouch for hours, and returns the refill after that,
// of an issuer that does not know how old the store is.
func (r *room) alone(t *testing.T) commit.Refill {
	t.Helper()
	then := time.Now().Add(-5 * hour).UnixMilli()
	must(t, r.rdb.HSet(t.Context(), r.prefix+"vouch", "at", then, "kept", then).Err())
	for range 2 {
		_, err := r.store.KeepVouch(t.Context(), time.Now())
		wantError(t, "keep", err, commit.ErrUnvouched)
	}
	must(t, r.store.Withdraw(t.Context(), r.begin(t).Incarnation)) // another noticed it too
	refill := r.begin(t)
	refill.Reckoned, refill.Life = time.Now(), hour
	return refill
}

func longAlone(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	for range 2 {
		refill := r.alone(t)
		refill.Seen = refill.FoundAt
		must(t, r.store.Withdraw(t.Context(), stranger))
		must(t, r.store.Vouch(t.Context(), refill, time.Now()))
		_, err := r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
		must(t, err)
	}
}

func putBack(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	refill := r.alone(t)
	refill.Seen = time.Now().Add(-time.Minute)
	must(t, r.store.Vouch(t.Context(), refill, time.Now()))
	r.over(t, s)
}

func evicted(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	refill := r.begin(t)
	must(t, r.rdb.HSet(t.Context(), r.prefix+"vouch", "evicted", "7").Err()) // seven more than now
	refuses(t, r, s.ID)
	must(t, r.rdb.Set(t.Context(), r.prefix+"refill:"+refill.Token, refill.Incarnation+" 7 0", hour).Err())
	wantLost(t, r.store.Vouch(t.Context(), refill, time.Now()))
	r.refill(t)
	_, err := r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	must(t, err)
}

// evictedIndex: the sessions that a cutoff ends are not looked for in a list that
// may be gone, or the cutoff would be forgotten before they are.
func evictedIndex(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	_, err := r.store.Reap(t.Context()) // of the room's first image
	must(t, err)
	must(t, r.rdb.HSet(t.Context(), r.prefix+"vouch", "evicted", "7").Err())
	_, err = r.store.Reap(t.Context())
	wantError(t, "reap without a vouch", err, commit.ErrUnvouched)
	must(t, r.rdb.Del(t.Context(), r.keys(t, "u:*")...).Err())
	r.refill(t)
	_, err = r.store.Revoke(t.Context(), cutoffOf(events.ScopeUser, "acme", "u1"))
	must(t, err)
	r.reaped(t, s)
}

func olderVouch(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	must(t, r.rdb.HDel(t.Context(), r.prefix+"vouch", "evicted", "by", "kept", "floor", "ends").Err())
	equal(t, "verdict", r.alive(t, issuer, s.ID), redisstore.Verdict{Vouched: true, Live: true})
	_, err := r.store.KeepVouch(t.Context(), time.Now())
	wantError(t, "keep", err, commit.ErrUnvouched)
	r.refill(t)
	_, err = r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	must(t, err)
}

func evictedList(t *testing.T, r *room) {
	rev, err := r.store.Revoke(t.Context(), revocation(events.ScopeToken, "x", hour))
	must(t, err)
	must(t, r.rdb.Del(t.Context(), r.prefix+"revs").Err())
	equal(t, "live", len(r.live(t)), 0)
	must(t, r.store.Apply(t.Context(), "", []events.Revocation{rev}))
	equal(t, "live", r.live(t)["x"], rev)
}
