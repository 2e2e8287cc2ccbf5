package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/session"
)

func cutoffTests() []test {
	return []test{
		{"a cutoff ends what was stamped before and spares what comes after", cutoffEnds},
		{"a cutoff that asks for a refresh ends no session", cutoffRefreshes},
		{"cutoffs merge by the larger stamp", cutoffsMerge},
		{"logins go on above a cutoff from the log", cutoffFromTheLog},
		{"sessions under a cutoff are removed, whatever the scope", cutoffsReap},
		{"sessions under a cutoff do not count against a limit", cutoffFreesLimit},
		{"live sessions are counted, those under a cutoff are not", cutoffCounts},
		{"a refresh under way does not survive a cutoff", cutoffAgainstRefreshes},
	}
}

func cutoffOf(scope events.Scope, tenant, subject string) events.Revocation {
	r := revocation(scope, subject, hour)
	r.Tenant = tenant
	return r
}

// stamped is the answer about a token of acme's u with a stamp.
func (r *room) stamped(t *testing.T, stamp int64) redisstore.Verdict {
	t.Helper()
	v, err := r.lookup.Lookup(t.Context(), redisstore.Ask(events.Token{
		Issuer: issuer, ID: "j", Session: "s", KeyID: "k", Tenant: "acme", User: "u", Stamp: stamp,
	}), hour)
	must(t, err)
	return v
}

// cuts lists those whose sessions are being removed.
func (r *room) cuts(t *testing.T) []string {
	t.Helper()
	names, err := r.rdb.HKeys(t.Context(), r.prefix+"cuts").Result()
	must(t, err)
	return slices.DeleteFunc(names, func(name string) bool { return name == "-" })
}

func cutoffEnds(t *testing.T, r *room) {
	for _, rev := range []events.Revocation{
		cutoffOf(events.ScopeUser, "acme", "u"), cutoffOf(events.ScopeTenant, "", "acme"), cutoffOf(events.ScopeAll, "", events.Everybody),
	} {
		before, other := r.login(t, "acme", "u", hour, hour), r.login(t, "other", "u", hour, hour)
		cut, err := r.store.Revoke(t.Context(), rev)
		must(t, err)
		if !r.stamped(t, cut.Stamp).Revoked || r.stamped(t, cut.Stamp+1).Revoked {
			t.Errorf("%s: the cutoff is not at %d", rev.Scope, cut.Stamp)
		}
		_, err = r.store.Rotate(t.Context(), rotation(before.ID, 2, 3))
		wantError(t, "a session under a cutoff", err, session.ErrEnded)
		_, err = r.store.Get(t.Context(), before.ID)
		wantError(t, "a session under a cutoff", err, session.ErrNotFound)
		_, err = r.store.Prove(t.Context(), before.ID, sum(1))
		wantError(t, "a session under a cutoff", err, session.ErrEnded)
		_, err = r.store.Get(t.Context(), other.ID)
		if (err != nil) != (rev.Scope == events.ScopeAll) {
			t.Errorf("%s: another tenant's session: %v", rev.Scope, err)
		}
		for range 20 { // many in the very millisecond of the cutoff
			opened, err := r.store.Create(t.Context(), opening(newSession("acme", "u"), hour, hour))
			must(t, err)
			after, stamp := opened.Session, opened.Stamp
			if stamp.Millis <= cut.Stamp {
				t.Fatalf("%s: login stamped %d after a cutoff at %d", rev.Scope, stamp.Millis, cut.Stamp)
			}
			_, err = r.store.Rotate(t.Context(), rotation(after.ID, 2, 3))
			must(t, err)
		}
		list, err := r.store.List(t.Context(), issuer, "acme", "u")
		must(t, err)
		if len(list) != 20 {
			t.Errorf("%s: %d sessions listed, want the 20 later ones", rev.Scope, len(list))
		}
		_, err = r.store.Revoke(t.Context(), cutoffOf(events.ScopeAll, "", events.Everybody))
		must(t, err)
	}
}

func cutoffRefreshes(t *testing.T, r *room) {
	s := r.login(t, "acme", "u", hour, hour)
	rev := cutoffOf(events.ScopeUser, "acme", "u")
	rev.Mode = events.ModeRefresh
	cut, err := r.store.Revoke(t.Context(), rev)
	must(t, err)
	if v := r.stamped(t, cut.Stamp); v.Revoked || !v.Outdated {
		t.Errorf("%+v", v)
	}
	rotated, err := r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	must(t, err)
	if v := r.stamped(t, rotated.Stamp.Millis); v.Revoked || v.Outdated {
		t.Errorf("after the refresh: %+v", v)
	}
	end, err := r.store.Revoke(t.Context(), cutoffOf(events.ScopeUser, "acme", "u"))
	must(t, err)
	if v := r.stamped(t, end.Stamp); !v.Revoked {
		t.Errorf("ended after that: %+v", v)
	}
	if v := r.stamped(t, cut.Stamp); !v.Revoked || !v.Outdated {
		t.Errorf("both hold: %+v", v)
	}
}

func cutoffsMerge(t *testing.T, r *room) {
	high, low := cutoffOf(events.ScopeUser, "acme", "u"), cutoffOf(events.ScopeUser, "acme", "u")
	high.Stamp, low.Stamp, low.TTLMillis = 900, 800, high.TTLMillis+60_000
	must(t, r.store.Apply(t.Context(), "", []events.Revocation{low, high, low}))
	if !r.stamped(t, 900).Revoked || r.stamped(t, 901).Revoked {
		t.Error("the cutoff is not at the larger stamp")
	}
	if left := r.ttl(t, high); left <= high.TTL() {
		t.Errorf("it lives for %v, want the longer of both lives", left)
	}
}

func cutoffFromTheLog(t *testing.T, r *room) {
	before := r.login(t, "acme", "u", hour, hour)
	cut := cutoffOf(events.ScopeUser, "acme", "u")
	cut.Stamp = time.Now().Add(5 * time.Minute).UnixMilli() // of an issuer whose clock is ahead
	must(t, r.store.Apply(t.Context(), "", []events.Revocation{cut}))
	_, err := r.store.Rotate(t.Context(), rotation(before.ID, 2, 3))
	wantError(t, "a session under a cutoff", err, session.ErrEnded)
	for range 100 {
		opened, err := r.store.Create(t.Context(), opening(newSession("acme", "u"), hour, hour))
		must(t, err)
		s, stamp := opened.Session, opened.Stamp
		if _, err := r.store.Get(t.Context(), s.ID); err != nil || r.stamped(t, stamp.Millis).Revoked {
			t.Fatalf("stamped %d after a cutoff at %d: %v", stamp.Millis, cut.Stamp, err)
		}
	}
}

func cutoffsReap(t *testing.T, r *room) {
	for _, rev := range []events.Revocation{
		cutoffOf(events.ScopeUser, "acme", "u"), cutoffOf(events.ScopeTenant, "", "acme"), cutoffOf(events.ScopeAll, "", events.Everybody),
	} {
		for range 600 { // more than a batch
			r.login(t, "acme", "u", hour, hour)
		}
		cut, err := r.store.Revoke(t.Context(), rev)
		must(t, err)
		after := r.login(t, "acme", "u", hour, hour)
		n, err := r.store.Reap(t.Context())
		must(t, err)
		if left := r.keys(t, "s:*"); n < 600 || len(left) != 1 || len(r.cuts(t)) != 0 {
			t.Errorf("%s: removed %d, left %d sessions and %v", rev.Scope, n, len(left), r.cuts(t))
		}
		_, err = r.store.Get(t.Context(), after.ID)
		must(t, err)
		must(t, r.store.Apply(t.Context(), "", []events.Revocation{cut})) // a replay ends nothing more
		_, err = r.store.Get(t.Context(), after.ID)
		must(t, err)
	}
}

func cutoffAgainstRefreshes(t *testing.T, r *room) {
	for range 20 {
		s := r.login(t, "acme", "u", hour, hour)
		done := make(chan int64)
		go func() {
			var last int64
			for n := byte(2); n < 40; n++ {
				rotated, err := r.store.Rotate(t.Context(), rotation(s.ID, n, n+1))
				if err != nil {
					if !errors.Is(err, session.ErrEnded) {
						t.Error(err)
					}
					break
				}
				last = rotated.Stamp.Millis
			}
			done <- last
		}()
		cut, err := r.store.Revoke(t.Context(), cutoffOf(events.ScopeUser, "acme", "u"))
		must(t, err)
		if last := <-done; last > cut.Stamp {
			t.Fatalf("a refresh stamped %d survived the cutoff at %d", last, cut.Stamp)
		}
	}
}

func cutoffFreesLimit(t *testing.T, r *room) {
	o := opening(newSession("acme", "u"), hour, hour)
	o.Limit.Total, o.Limit.Refuse = 1, true
	_, err := r.store.Create(t.Context(), o)
	must(t, err)
	_, err = r.store.Revoke(t.Context(), cutoffOf(events.ScopeUser, "acme", "u"))
	must(t, err)
	o.Session = newSession("acme", "u")
	_, err = r.store.Create(t.Context(), o)
	must(t, err)
}

func cutoffCounts(t *testing.T, r *room) {
	want := func(tenant string, want int) {
		t.Helper()
		got, err := r.store.Count(t.Context(), issuer, tenant)
		must(t, err)
		if got != want {
			t.Errorf("%d sessions of tenant %q, want %d", got, tenant, want)
		}
	}
	want("", 0)
	r.login(t, "acme", "u", hour, hour)
	r.login(t, "acme", "v", hour, hour)
	r.login(t, "other", "u", hour, hour)
	want("acme", 2)
	want("", 3)
	_, err := r.store.Revoke(t.Context(), cutoffOf(events.ScopeUser, "acme", "u"))
	must(t, err)
	want("acme", 1)
	want("", 2)
	if got, err := r.store.Count(t.Context(), "https://another.example", ""); err != nil || got != 0 {
		t.Errorf("%d sessions of another issuer, %v", got, err)
	}
}
