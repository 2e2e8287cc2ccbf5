package storetest

import (
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/session"
)

func imageTests() []test {
	return []test{
		{"no session of an image too old, or of unknown age, lives on", oldImage},
		{"the sessions of a young image live on", youngImage},
		{"a refill that says nothing of the image's age ends its sessions", undatedRefill},
		{"an image is judged once", judgedOnce},
		{"a session that comes back after all were removed is over", floorStays},
		{"logins go on above the stamps of an old image", stampsGoOnAbove},
		{"what an image has counted leaves no more tries", imageCounts},
		{"an image is dated by the vouch that was found", judgedByItsOwn},
	}
}

const stranger = "0123456789abcdef-0123456789abcdef"

// image makes the store one that came back from a copy of itself, dated so.
func (r *room) image(t *testing.T, at time.Time) {
	t.Helper()
	must(t, r.rdb.HSet(t.Context(), r.prefix+"vouch", "id", stranger, "at", at.UnixMilli()).Err())
}

func oldImage(t *testing.T, r *room) {
	for name, grow := range map[string]func(){
		"too old":               func() { r.image(t, time.Now().Add(-hour-time.Second)) },
		"without a vouch":       func() { must(t, r.rdb.Del(t.Context(), r.prefix+"vouch").Err()) },
		"from the future":       func() { r.image(t, time.Now().Add(2*time.Minute)) },
		"without a date":        func() { must(t, r.rdb.HDel(t.Context(), r.prefix+"vouch", "id", "at").Err()) },
		"without stamps, dated": func() { must(t, r.rdb.Del(t.Context(), r.prefix+"vouch", r.prefix+"stamp").Err()) },
		"its cuts evicted": func() {
			must(t, r.rdb.HSet(t.Context(), r.prefix+"vouch", "evicted", "7").Err())
			must(t, r.rdb.Del(t.Context(), r.prefix+"cuts").Err())
		},
		"without its cuts": func() {
			r.image(t, time.Now())
			must(t, r.rdb.Del(t.Context(), r.prefix+"cuts").Err())
		},
	} {
		t.Run(name, func(t *testing.T) {
			old := r.login(t, "acme", "u1", hour, hour)
			grow()
			refuses(t, r, old.ID)
			refill := r.begin(t)
			refill.Reckoned, refill.Life, refill.Floor = time.Now(), hour, time.Now().UnixMilli()
			must(t, r.store.Vouch(t.Context(), refill, time.Now()))
			r.over(t, old)
			r.lives(t, r.openFor(t, newSession("acme", "u1"), session.Limit{Total: 1, Refuse: true}).Session)
			r.reaped(t, old)
			_, err := r.store.Revoke(t.Context(), cutoffOf(events.ScopeAll, "", events.Everybody))
			must(t, err)
		})
	}
}

// over checks that nothing finds the session.
func (r *room) over(t *testing.T, s session.Session) {
	t.Helper()
	_, err := r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	wantError(t, "rotate", err, session.ErrEnded)
	_, err = r.store.Get(t.Context(), s.ID)
	wantError(t, "get", err, session.ErrNotFound)
	_, err = r.store.Prove(t.Context(), s.ID, sum(1))
	wantError(t, "prove", err, session.ErrEnded)
	_, _, err = r.store.Current(t.Context(), s.ID, session.Refresh{Family: sum(1), Current: sum(2)})
	wantError(t, "current", err, session.ErrEnded)
	list, err := r.store.List(t.Context(), issuer, s.Tenant, s.UserID)
	must(t, err)
	equal(t, "listed", len(list), 0)
	n, err := r.store.Count(t.Context(), issuer, s.Tenant)
	must(t, err)
	equal(t, "counted", n, 0)
	equal(t, "verdict", r.alive(t, issuer, s.ID), redisstore.Verdict{Vouched: true})
}

func (r *room) lives(t *testing.T, s session.Session) {
	t.Helper()
	equal(t, "verdict", r.alive(t, issuer, s.ID), redisstore.Verdict{Vouched: true, Live: true})
	_, err := r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	must(t, err)
	list, err := r.store.List(t.Context(), issuer, s.Tenant, s.UserID)
	must(t, err)
	equal(t, "listed", len(list), 1)
}

func (r *room) reaped(t *testing.T, s session.Session) {
	t.Helper()
	_, err := r.store.Reap(t.Context())
	must(t, err)
	equal(t, "keys of the session", len(r.keys(t, "s:"+s.ID)), 0)
	equal(t, "cuts left", len(r.cuts(t)), 0)
}

func youngImage(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	for _, age := range []time.Duration{hour - time.Minute, 0, -30 * time.Second} {
		r.image(t, time.Now().Add(-age))
		r.refill(t)
		equal(t, "verdict", r.alive(t, issuer, s.ID), redisstore.Verdict{Vouched: true, Live: true})
	}
	_, err := r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	must(t, err)
}

func undatedRefill(t *testing.T, r *room) {
	for _, reckoned := range []time.Time{{}, time.Now()} {
		s := r.login(t, "acme", "u1", hour, hour)
		r.image(t, time.Now().Add(-time.Second))
		refill := r.begin(t)
		refill.Reckoned = reckoned
		must(t, r.store.Vouch(t.Context(), refill, time.Now()))
		r.over(t, s)
	}
}

// judgedOnce: the answer may get lost, and other issuers vouch too. Whoever logs
// in meanwhile stays in.
func judgedOnce(t *testing.T, r *room) {
	old := r.login(t, "acme", "u1", hour, hour)
	r.image(t, time.Now().Add(-2*hour))
	mine, other := r.begin(t), r.begin(t)
	must(t, r.store.Vouch(t.Context(), mine, time.Now()))
	s := r.login(t, "acme", "u1", hour, hour)
	must(t, r.store.Vouch(t.Context(), mine, time.Now()))
	must(t, r.store.Vouch(t.Context(), other, time.Now()))
	r.lives(t, s)
	r.reaped(t, old)
	r.refreshes(t, s)
	kept, err := r.store.KeepVouch(t.Context(), time.Now())
	must(t, err)
	equal(t, "vouch", kept.Vouch, mine.Token)
	if kept.Ended == 0 {
		t.Error("whoever keeps the vouch is not told that it ended sessions")
	}
	r.image(t, time.Now())
	r.refill(t)
	r.refreshes(t, s)
	if kept, err = r.store.KeepVouch(t.Context(), time.Now()); err != nil || kept.Ended != 0 {
		t.Errorf("a vouch for a young image ended sessions: %+v, %v", kept, err)
	}
}

func (r *room) refreshes(t *testing.T, s session.Session) {
	t.Helper()
	_, err := r.store.Rotate(t.Context(), rotation(s.ID, 2, 3)) // within the grace
	must(t, err)
}

func floorStays(t *testing.T, r *room) {
	old := r.login(t, "acme", "u1", hour, hour)
	must(t, r.rdb.Copy(t.Context(), r.prefix+"s:"+old.ID, r.prefix+"kept", 0, false).Err())
	r.image(t, time.Now().Add(-2*hour))
	r.refill(t)
	r.reaped(t, old)
	for range 2 {
		must(t, r.rdb.Copy(t.Context(), r.prefix+"kept", r.prefix+"s:"+old.ID, 0, true).Err())
		r.over(t, old)
		r.image(t, time.Now())
		r.refill(t)
	}
}

// imageCounts: failures and locks of an image bind as they are. What is settled
// now was begun before it, and takes nothing off what a fresh store would count.
func imageCounts(t *testing.T, r *room) {
	g := newGate(r)
	g.limits.IPLimit = 4
	begun := attempt("b", "n")
	must(t, g.Begin(t.Context(), begun, g.limits))
	for _, key := range append(r.keys(t, "net:*"), r.keys(t, "trying:*")...) {
		must(t, r.rdb.Del(t.Context(), key).Err()) // the image is older than the attempt
	}
	r.image(t, time.Now().Add(-2*hour))
	r.refill(t)
	_, err := g.Settle(t.Context(), begun, g.limits, session.Succeeded)
	must(t, err)
	for _, account := range []string{"c", "d", "e", "f"} {
		g.try(t, attempt(account, "n"), session.Failed)
	}
	g.refused(t, attempt("g", "n"), session.ErrThrottled, time.Second, time.Minute)
}

// stampsGoOnAbove: the stamps of an image may be far above the clock.
func stampsGoOnAbove(t *testing.T, r *room) {
	must(t, r.rdb.Set(t.Context(), r.prefix+"stamp", time.Now().Add(hour).UnixMilli(), 0).Err())
	for range 3 {
		old := r.login(t, "acme", "u1", hour, hour)
		r.image(t, time.Now().Add(-2*hour))
		r.refill(t)
		r.over(t, old)
		r.lives(t, r.login(t, "acme", "u1", hour, hour))
	}
}

// judgedByItsOwn: another vouch may have been given, and lost, since the refill
// began that knows the clock of the one before.
func judgedByItsOwn(t *testing.T, r *room) {
	r.login(t, "acme", "u1", hour, hour)
	refill := r.begin(t)
	refill.Reckoned, refill.Life = time.Now(), hour
	must(t, r.rdb.HSet(t.Context(), r.prefix+"vouch", "id", stranger, "by", "another").Err())
	wantLost(t, r.store.Vouch(t.Context(), refill, time.Now()))
	r.refill(t)
}
