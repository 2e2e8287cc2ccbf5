package storetest

import (
	"errors"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/session"
)

func limitTests() []test {
	return []test{
		{"the oldest session gives way", oldestGivesWay},
		{"an eviction is filed like a revocation", evictionIsFiled},
		{"a limit per kind leaves other kinds alone", limitPerKind},
		{"both limits hold together", bothLimits},
		{"a lowered limit ends all that are too many", loweredLimit},
		{"a refusing limit changes nothing", limitRefuses},
		{"what has expired or ended does not count", deadDoNotCount},
		{"limits keep users, tenants and issuers apart", limitsKeepApart},
		{"parallel logins leave as many as allowed", parallelLogins},
		{"an evicted session cannot refresh", evictedCannotRefresh},
	}
}

// open opens a session of a kind under a limit.
func (r *room) open(t *testing.T, kind string, l session.Limit) session.Opened {
	t.Helper()
	s := newSession("acme", "u1")
	s.Device.Kind = kind
	return r.openFor(t, s, l)
}

func (r *room) openFor(t *testing.T, s session.Session, l session.Limit) session.Opened {
	t.Helper()
	o := opening(s, hour, hour)
	o.Limit = l
	opened, err := r.store.Create(t.Context(), o)
	must(t, err)
	return opened
}

func (r *room) wantLive(t *testing.T, want ...session.Opened) {
	t.Helper()
	var wanted []string
	for _, w := range want {
		wanted = append(wanted, w.Session.ID)
	}
	got, err := r.store.List(t.Context(), issuer, "acme", "u1")
	must(t, err)
	have := ids(got)
	slices.Sort(have) // sessions of one millisecond have no order
	slices.Sort(wanted)
	if !slices.Equal(have, wanted) {
		t.Fatalf("live: %v, want %v", have, wanted)
	}
}

func evictedIDs(o session.Opened) (out []string) {
	for _, e := range o.Evicted {
		out = append(out, e.Session.ID)
	}
	return out
}

func oldestGivesWay(t *testing.T, r *room) {
	one := session.Limit{Total: 2}
	a := r.open(t, "web", one)
	r.nextMilli(t)
	b := r.open(t, "ios", one)
	r.nextMilli(t)
	equal(t, "evicted below the limit", len(a.Evicted)+len(b.Evicted), 0)
	c := r.open(t, "cli", one)
	r.wantLive(t, b, c)
	got := c.Evicted
	equal(t, "evicted", len(got), 1)
	want := session.Session{
		ID: a.Session.ID, Issuer: issuer, Tenant: "acme", UserID: "u1", Device: a.Session.Device, IP: a.Session.IP,
	}
	if !reflect.DeepEqual(got[0].Session, want) {
		t.Fatalf("evicted %+v, want %+v", got[0].Session, want)
	}
}

func evictionIsFiled(t *testing.T, r *room) {
	a := r.open(t, "web", session.Limit{})
	b := r.open(t, "web", session.Limit{Total: 1})
	equal(t, "evicted", len(b.Evicted), 1)
	rev := b.Evicted[0].Revocation
	equal(t, "scope", rev.Scope, events.ScopeSession)
	equal(t, "subject", rev.Subject, a.Session.ID)
	equal(t, "revoked", r.ask(t, rev, hour).Revoked, true)
	equal(t, "live", r.live(t)[a.Session.ID], rev)
	out, err := r.store.Outbox(t.Context(), 10)
	must(t, err)
	equal(t, "entries in the outbox", len(out), 1)
	equal(t, "outbox", out[0], rev)
	r.replayIsTheSame(t, rev)
	n, err := r.store.Settle(t.Context(), rev)
	must(t, err)
	equal(t, "settled", n, 1)
}

// replayIsTheSame: what the script wrote and what the log holds are equal byte
// for byte, or the projector would take a replay for another revocation.
func (r *room) replayIsTheSame(t *testing.T, rev events.Revocation) {
	t.Helper()
	key := r.prefix + "rev:" + rev.Key()
	before := r.rdb.Get(t.Context(), key).Val()
	must(t, r.rdb.PExpire(t.Context(), key, hour/2).Err())
	must(t, r.store.Apply(t.Context(), "", []events.Revocation{rev}))
	equal(t, "entry after its replay", r.rdb.Get(t.Context(), key).Val(), before)
	if d := r.ttl(t, rev); d > hour/2 {
		t.Fatalf("a replay lengthened it to %v", d)
	}
}

func limitPerKind(t *testing.T, r *room) {
	one := session.Limit{PerKind: 1}
	web, phone := r.open(t, "web", one), r.open(t, "ios", one)
	again := r.open(t, "web", one)
	if got := evictedIDs(again); !slices.Equal(got, []string{web.Session.ID}) {
		t.Fatalf("evicted %v, want %s", got, web.Session.ID)
	}
	r.wantLive(t, phone, again)
	none := r.open(t, "", one)
	r.wantLive(t, phone, again, none)
	other := r.open(t, "other", one) // no kind is other
	r.wantLive(t, phone, again, other)
}

func bothLimits(t *testing.T, r *room) {
	both := session.Limit{Total: 2, PerKind: 1}
	r.open(t, "web", both)
	r.nextMilli(t)
	phone := r.open(t, "ios", both)
	r.nextMilli(t)
	web := r.open(t, "web", both)
	r.wantLive(t, phone, web) // one went, not two
	r.nextMilli(t)
	shell := r.open(t, "cli", both)
	r.wantLive(t, web, shell)
	r.nextMilli(t)
	again := r.open(t, "cli", both) // not the oldest, but of this kind
	r.wantLive(t, web, again)
}

func loweredLimit(t *testing.T, r *room) {
	for range 30 {
		r.open(t, "web", session.Limit{})
	}
	last := r.open(t, "web", session.Limit{Total: 1, PerKind: 20})
	equal(t, "evicted", len(last.Evicted), 30)
	r.wantLive(t, last)
	out, err := r.store.Outbox(t.Context(), 100)
	must(t, err)
	equal(t, "entries in the outbox", len(out), 30)
}

func limitRefuses(t *testing.T, r *room) {
	for _, limit := range []session.Limit{{Total: 1, Refuse: true}, {PerKind: 1, Refuse: true}} {
		first, err := r.store.List(t.Context(), issuer, "acme", "u1")
		must(t, err)
		if len(first) == 0 {
			r.open(t, "ios", limit)
		}
		o := opening(newSession("acme", "u1"), hour, hour)
		o.Limit, o.Eviction = limit, events.Revocation{} // none is needed
		_, err = r.store.Create(t.Context(), o)
		wantError(t, "one too many", err, session.ErrSessionLimit)
		got, err := r.store.List(t.Context(), issuer, "acme", "u1")
		must(t, err)
		equal(t, "live", len(got), 1)
		equal(t, "revoked", len(r.live(t)), 0)
		_, err = r.store.Get(t.Context(), o.Session.ID)
		wantError(t, "the refused one", err, session.ErrNotFound)
	}
}

func deadDoNotCount(t *testing.T, r *room) {
	refuse := session.Limit{Total: 1, Refuse: true}
	ended := r.open(t, "web", refuse)
	_, err := r.store.Revoke(t.Context(), revocation(events.ScopeSession, ended.Session.ID, hour))
	must(t, err)
	expiring := r.open(t, "web", refuse)
	must(t, r.rdb.Del(t.Context(), r.prefix+"s:"+expiring.Session.ID).Err()) // as its expiry does
	r.wantLive(t, r.open(t, "web", refuse))
}

func limitsKeepApart(t *testing.T, r *room) {
	one := session.Limit{Total: 1, PerKind: 1}
	same, elsewhere := newSession("other", "u1"), newSession("acme", "u1")
	elsewhere.Issuer = "https://elsewhere.test"
	foreign := opening(elsewhere, hour, hour)
	_, err := r.store.Create(t.Context(), foreign)
	must(t, err)
	mine := r.open(t, "ios", one)
	for _, s := range []session.Session{same, newSession("acme", "u2"), newSession("acm", "eu1")} {
		equal(t, "evicted across "+s.Tenant+"/"+s.UserID, len(r.openFor(t, s, one).Evicted), 0)
	}
	r.wantLive(t, mine)
	theirs, err := r.store.List(t.Context(), elsewhere.Issuer, "acme", "u1")
	must(t, err)
	if got := ids(theirs); !slices.Equal(got, []string{elsewhere.ID}) {
		t.Fatalf("the other issuer has %v, want %s", got, elsewhere.ID)
	}
	foreign.Limit = one
	foreign.Session.ID = newSession("acme", "u1").ID
	if _, err := r.store.Create(t.Context(), foreign); err == nil {
		t.Fatal("a draft of another issuer was taken")
	}
}

func parallelLogins(t *testing.T, r *room) {
	for _, limit := range []session.Limit{{Total: 1}, {PerKind: 1}, {Total: 3}} {
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				o := opening(newSession("acme", "u1"), hour, hour)
				o.Limit = limit
				if _, err := r.store.Create(t.Context(), o); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		got, err := r.store.List(t.Context(), issuer, "acme", "u1")
		must(t, err)
		equal(t, "live", len(got), max(limit.Total, limit.PerKind))
	}
}

// evictedCannotRefresh: no refresh under way brings an evicted session back.
func evictedCannotRefresh(t *testing.T, r *room) {
	last := r.open(t, "web", session.Limit{Total: 1})
	for range 20 {
		var wg sync.WaitGroup
		old := last.Session.ID
		for i := range 4 {
			wg.Go(func() { rotateUntilEnded(t, r, old, byte(i)) })
		}
		last = r.open(t, "web", session.Limit{Total: 1})
		_, err := r.store.Get(t.Context(), old)
		if !errors.Is(err, session.ErrNotFound) {
			t.Errorf("the evicted session lives on: %v", err)
			_, err = r.store.Revoke(t.Context(), revocation(events.ScopeSession, old, hour)) // or they never stop
			must(t, err)
		}
		wg.Wait()
		_, err = r.store.Get(t.Context(), old)
		wantError(t, "get the evicted session", err, session.ErrNotFound)
	}
	r.wantLive(t, last)
}

// nextMilli waits for the server's clock, by which sessions are old. It is this
// machine's, and the embedded one may be a millisecond behind.
func (r *room) nextMilli(t *testing.T) {
	t.Helper()
	start := time.Now().UnixMilli()
	eventually(t, "the clock has moved", func() bool { return time.Now().UnixMilli() > start+1 })
}
