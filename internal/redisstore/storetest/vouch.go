package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/session"
)

func vouchTests() []test {
	return []test{
		{"nothing is concluded from a store without a vouch", unvouchedRefuses},
		{"nothing is concluded from another's vouch", otherVouchRefuses},
		{"a wipe ends the vouch", wipeEndsVouch},
		{"a wipe in the middle of a refill is not vouched for", wipeInRefill},
		{"a refill of another incarnation is not vouched for", otherRefill},
		{"a refill is of one server", applyElsewhere},
		{"vouching may be repeated", vouchTwice},
		{"a vouch goes stale and is renewed", vouchStale},
		{"a vouch from the future is not believed", vouchFromFuture},
		{"a vouch is dated by its claim, not by its execution", vouchAsOf},
		{"a vouch does not take over the date by another server's clock", otherVouchDate},
		{"a store that may have lost its stamps goes on from what it is told", stampsAfterALoss},
	}
}

// refuses checks that every method that would conclude something declines.
func refuses(t *testing.T, r *room, id string) {
	t.Helper()
	_, err := r.store.Create(t.Context(), opening(newSession("acme", "u2"), hour, hour))
	wantError(t, "create", err, session.ErrUnavailable)
	_, err = r.store.Rotate(t.Context(), rotation(id, 2, 3))
	wantError(t, "rotate", err, session.ErrUnavailable)
	_, err = r.store.Get(t.Context(), id)
	wantError(t, "get", err, session.ErrUnavailable)
	_, err = r.store.Prove(t.Context(), id, sum(1))
	wantError(t, "prove", err, session.ErrUnavailable)
	_, _, err = r.store.Current(t.Context(), id, session.Refresh{Family: sum(1), Current: sum(2)})
	wantError(t, "current", err, session.ErrUnavailable)
	_, err = r.store.List(t.Context(), issuer, "acme", "u1")
	wantError(t, "list", err, session.ErrUnavailable)
	wantError(t, "list", err, commit.ErrUnvouched)
	_, err = r.store.KeepVouch(t.Context(), time.Now())
	wantError(t, "keep vouch", err, commit.ErrUnvouched)
	absent := revocation(events.ScopeToken, uuid.NewString(), hour)
	equal(t, "verdict", r.ask(t, absent, hour), redisstore.Verdict{})
}

func unvouchedRefuses(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	must(t, r.rdb.Del(t.Context(), r.prefix+"vouch").Err())
	refuses(t, r, s.ID)
	_, err := r.store.Revoke(t.Context(), revocation(events.ScopeSession, s.ID, hour))
	must(t, err)
	r.refill(t)
	_, err = r.store.Get(t.Context(), s.ID)
	wantError(t, "get", err, session.ErrNotFound)
}

func otherVouchRefuses(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	must(t, r.rdb.HSet(t.Context(), r.prefix+"vouch", "id", "0123456789abcdef-0123456789abcdef").Err())
	refuses(t, r, s.ID)
	r.refill(t)
	_, err := r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	must(t, err)
}

func wipeEndsVouch(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	must(t, r.rdb.FlushAll(t.Context()).Err())
	refuses(t, r, s.ID)
	r.refill(t)
	_, err := r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	wantError(t, "rotate a lost session", err, session.ErrEnded)
}

func wipeInRefill(t *testing.T, r *room) {
	must(t, r.rdb.FlushAll(t.Context()).Err())
	refill, err := r.store.BeginRefill(t.Context())
	must(t, err)
	must(t, r.store.Apply(t.Context(), "", []events.Revocation{revocation(events.ScopeToken, "x", hour)}))
	must(t, r.rdb.FlushAll(t.Context()).Err())
	wantError(t, "vouch", r.store.Vouch(t.Context(), refill, time.Now()), commit.ErrRefillLost)
	refuses(t, r, uuid.NewString())
	again, err := r.store.BeginRefill(t.Context())
	must(t, err)
	wantError(t, "vouch by the lost refill", r.store.Vouch(t.Context(), refill, time.Now()), commit.ErrRefillLost)
	must(t, r.store.Vouch(t.Context(), again, time.Now()))
}

func otherRefill(t *testing.T, r *room) {
	refill, err := r.store.BeginRefill(t.Context())
	must(t, err)
	refill.Incarnation = "0123456789abcdef-0123456789abcdef"
	wantError(t, "vouch", r.store.Vouch(t.Context(), refill, time.Now()), commit.ErrRefillLost)
	wantError(t, "vouch by nothing", r.store.Vouch(t.Context(), commit.Refill{}, time.Now()), commit.ErrRefillLost)
}

// A refill is of one server: what comes to another is not filed there.
func applyElsewhere(t *testing.T, r *room) {
	refill, err := r.store.BeginRefill(t.Context())
	must(t, err)
	rev := revocation(events.ScopeToken, "elsewhere", hour)
	err = r.store.Apply(t.Context(), "0123456789abcdef-0123456789abcdef", []events.Revocation{rev})
	wantError(t, "apply", err, commit.ErrRefillLost)
	for held, err := range r.store.Live(t.Context()) {
		must(t, err)
		if held.ID == rev.ID {
			t.Error("filed all the same")
		}
	}
	must(t, r.store.Apply(t.Context(), refill.Incarnation, []events.Revocation{rev}))
	must(t, r.store.Vouch(t.Context(), refill, time.Now()))
}

func vouchTwice(t *testing.T, r *room) {
	refill, err := r.store.BeginRefill(t.Context())
	must(t, err)
	for range 2 {
		must(t, r.store.Vouch(t.Context(), refill, time.Now()))
	}
	absent := revocation(events.ScopeToken, "x", hour)
	equal(t, "verdict", r.ask(t, absent, hour), redisstore.Verdict{Vouched: true})
}

func vouchStale(t *testing.T, r *room) {
	absent := revocation(events.ScopeToken, "x", hour)
	eventually(t, "the vouch is stale", func() bool { return !r.ask(t, absent, 20*time.Millisecond).Vouched })
	equal(t, "under a longer bound", r.ask(t, absent, hour).Vouched, true)
	r.keep(t, time.Now())
	equal(t, "renewed", r.ask(t, absent, 10*time.Second).Vouched, true)
	s := r.login(t, "acme", "u1", hour, hour)
	must(t, r.rdb.HSet(t.Context(), r.prefix+"vouch", "at", time.Now().Add(-hour).UnixMilli()).Err())
	equal(t, "an old vouch", r.ask(t, absent, hour/2).Vouched, false)
	_, err := r.store.Get(t.Context(), s.ID) // age binds only the edges
	must(t, err)
}

// keep renews the vouch and returns the last stamp.
func (r *room) keep(t *testing.T, asOf time.Time) int64 {
	t.Helper()
	kept, err := r.store.KeepVouch(t.Context(), asOf)
	must(t, err)
	return kept.Stamp
}

func vouchFromFuture(t *testing.T, r *room) {
	must(t, r.rdb.HSet(t.Context(), r.prefix+"vouch", "at", time.Now().Add(hour).UnixMilli()).Err())
	absent := revocation(events.ScopeToken, "x", hour)
	equal(t, "verdict", r.ask(t, absent, 2*hour), redisstore.Verdict{})
}

// A renewal may lie in the socket of a stopped server and be executed on
// waking, long after its claim was true.
func vouchAsOf(t *testing.T, r *room) {
	absent := revocation(events.ScopeToken, "x", hour)
	asked, err := r.store.Now(t.Context())
	must(t, err)
	must(t, r.rdb.HSet(t.Context(), r.prefix+"vouch", "at", asked.Add(-2*hour).UnixMilli()).Err())
	r.keep(t, asked.Add(-hour))
	equal(t, "an hour late", r.ask(t, absent, hour/2).Vouched, false)
	r.keep(t, asked)
	r.keep(t, asked.Add(-hour))
	equal(t, "out of order", r.ask(t, absent, hour/2).Vouched, true)
	refill, err := r.store.BeginRefill(t.Context())
	must(t, err)
	must(t, r.rdb.Del(t.Context(), r.prefix+"vouch").Err())
	must(t, r.store.Vouch(t.Context(), refill, asked.Add(-hour)))
	equal(t, "a late refill", r.ask(t, absent, hour/2).Vouched, false)
	r.keep(t, asked.Add(hour))
	equal(t, "from the future", r.ask(t, absent, hour/2).Vouched, true)
}

// A promoted replica has the vouch of the server before it, dated by a clock that
// may have been ahead.
func otherVouchDate(t *testing.T, r *room) {
	now, err := r.store.Now(t.Context())
	must(t, err)
	refill, err := r.store.BeginRefill(t.Context())
	must(t, err)
	must(t, r.rdb.HSet(t.Context(), r.prefix+"vouch", "id", "0123456789abcdef-0123456789abcdef", "at", now.UnixMilli()).Err())
	must(t, r.store.Vouch(t.Context(), refill, now.Add(-hour)))
	absent := revocation(events.ScopeToken, "x", hour)
	equal(t, "younger than its claim", r.ask(t, absent, hour/2).Vouched, false)
	equal(t, "as old as its claim", r.ask(t, absent, 2*hour).Vouched, true)
}

// A server that was promoted has neither the stamps of the one before it nor,
// perhaps, its clock. Whoever vouches for it, or revokes before that, knows.
func stampsAfterALoss(t *testing.T, r *room) {
	must(t, r.rdb.FlushAll(t.Context()).Err())
	floor := time.Now().Add(hour).UnixMilli()
	ahead := cutoffOf(events.ScopeUser, "acme", "u")
	ahead.Stamp = floor
	cut, err := r.store.Revoke(t.Context(), ahead)
	must(t, err)
	equal(t, "cutoff before a vouch", cut.Stamp, floor)

	refill, err := r.store.BeginRefill(t.Context())
	must(t, err)
	refill.Floor = floor + 1000
	must(t, r.store.Vouch(t.Context(), refill, time.Now()))
	opened, err := r.store.Create(t.Context(), opening(newSession("acme", "u"), hour, hour))
	must(t, err)
	equal(t, "login after a vouch", opened.Stamp.Millis, refill.Floor)

	ahead.ID, ahead.Stamp = uuid.NewString(), floor+hour.Milliseconds()
	cut, err = r.store.Revoke(t.Context(), ahead)
	must(t, err)
	equal(t, "cutoff under a vouch", cut.Stamp, refill.Floor)
	equal(t, "what whoever keeps the vouch is told", r.keep(t, time.Now()), refill.Floor+1)
}
