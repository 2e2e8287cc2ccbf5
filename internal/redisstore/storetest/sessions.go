package storetest

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/session"
)

func sessionTests() []test {
	return []test{
		{"a session is kept as it was created", keepsSession},
		{"a session id is used once", refusesSameID},
		{"a user's sessions are listed oldest first", listsOldestFirst},
		{"no tenant and user pass for another pair", keepsUsersApart},
		{"a list drops what has expired", listDropsExpired},
		{"logins drop what has expired", loginsDropExpired},
		{"a list is bounded", listIsBounded},
		{"a list outlives the longest session, whatever comes after it", listOutlives},
		{"an idle session ends", idleSessionEnds},
		{"the absolute end caps renewal", absoluteEndCaps},
		{"a revoked session ends at once", revokedSessionEnds},
		{"the same sid of another issuer lives on", otherIssuerLivesOn},
		{"another issuer cannot exchange a session's token", otherIssuerCannotRotate},
		{"a revoked sid is not created", revokedIsNotCreated},
		{"stamps never decrease", stampsNeverDecrease},
	}
}

func keepsSession(t *testing.T, r *room) {
	opened, err := r.store.Create(t.Context(), opening(newSession("acme", "u1"), hour, 2*hour))
	must(t, err)
	s := opened.Session
	equal(t, "created", s.CreatedAt, opened.Stamp.Now)
	equal(t, "end unless refreshed", opened.RefreshExpiresAt, s.CreatedAt.Add(hour))
	equal(t, "absolute lifetime", s.ExpiresAt.Sub(s.CreatedAt), 2*hour)
	got, err := r.store.Get(t.Context(), s.ID)
	must(t, err)
	if !reflect.DeepEqual(got, s) {
		t.Fatalf("got %+v, want %+v", got, s)
	}
	for _, key := range r.keys(t, "*:*") { // nothing about the session stays for ever
		if d := r.rdb.PTTL(t.Context(), key).Val(); d <= 0 || d > 2*hour {
			t.Errorf("%s lives for %v", key, d)
		}
	}
	_, err = r.store.Get(t.Context(), uuid.NewString())
	wantError(t, "get an unknown session", err, session.ErrNotFound)
}

func refusesSameID(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	other := newSession("acme", "u2")
	other.ID = s.ID
	if _, err := r.store.Create(t.Context(), opening(other, hour, hour)); err == nil {
		t.Fatal("a second session took the id")
	}
	got, err := r.store.Get(t.Context(), s.ID)
	must(t, err)
	equal(t, "user", got.UserID, "u1")
}

func listsOldestFirst(t *testing.T, r *room) {
	var want []string
	var last session.Session
	for range 3 {
		eventually(t, "the clock moves on", func() bool {
			s := r.login(t, "acme", "u1", hour, hour)
			if s.CreatedAt.After(last.CreatedAt) {
				last = s
				return true
			}
			_, err := r.store.Revoke(t.Context(), revocation(events.ScopeSession, s.ID, hour))
			must(t, err)
			return false
		})
		want = append(want, last.ID)
	}
	got, err := r.store.List(t.Context(), issuer, "acme", "u1")
	must(t, err)
	if !reflect.DeepEqual(ids(got), want) {
		t.Fatalf("got %v, want %v", ids(got), want)
	}
	if !reflect.DeepEqual(got[2], last) {
		t.Fatalf("got %+v, want %+v", got[2], last)
	}
}

func ids(list []session.Session) (out []string) {
	for _, s := range list {
		out = append(out, s.ID)
	}
	return out
}

func keepsUsersApart(t *testing.T, r *room) {
	for _, pair := range [][2]string{{"a", "b:c"}, {"a:b", "c"}, {"a", "1:b:c"}, {"", "ab"}, {"ab", ""}, {"a", "b"}} {
		s := r.login(t, pair[0], pair[1], hour, hour)
		got, err := r.store.List(t.Context(), issuer, pair[0], pair[1])
		must(t, err)
		if len(got) != 1 || got[0].ID != s.ID {
			t.Fatalf("tenant %q, user %q: got %v", pair[0], pair[1], ids(got))
		}
	}
}

func listDropsExpired(t *testing.T, r *room) {
	keep := r.login(t, "acme", "u1", hour, hour)
	r.login(t, "acme", "u1", 5*time.Millisecond, hour)
	eventually(t, "the short session is gone", func() bool {
		got, err := r.store.List(t.Context(), issuer, "acme", "u1")
		must(t, err)
		return len(got) == 1 && got[0].ID == keep.ID
	})
	names := r.keys(t, "u:*")
	equal(t, "user indexes", len(names), 1)
	n, err := r.rdb.ZCard(t.Context(), names[0]).Result()
	must(t, err)
	equal(t, "entries left in the index", n, 1)
}

// loginsDropExpired: a service that signs in all the time, and whose sessions
// nobody lists, does not fill the store.
func loginsDropExpired(t *testing.T, r *room) {
	keep := r.login(t, "acme", "u1", hour, hour)
	name := r.keys(t, "u:*")[0]
	var expired []redis.Z
	for range 500 {
		expired = append(expired, redis.Z{Score: float64(keep.CreatedAt.UnixMilli()), Member: uuid.NewString()})
	}
	must(t, r.rdb.ZAdd(t.Context(), name, expired...).Err())
	for range 250 {
		r.login(t, "acme", "u1", hour, hour)
	}
	n, err := r.rdb.ZCard(t.Context(), name).Result()
	must(t, err)
	if n < 251 || n > 400 { // 251 live
		t.Fatalf("%d entries in the index", n)
	}
	must(t, r.rdb.ZScore(t.Context(), name, keep.ID).Err())
}

func listIsBounded(t *testing.T, r *room) {
	first := r.login(t, "acme", "u1", hour, hour)
	names := r.keys(t, "u:*")
	pipe := r.rdb.Pipeline()
	for range 1100 {
		id := uuid.NewString()
		pipe.Copy(t.Context(), r.prefix+"s:"+first.ID, r.prefix+"s:"+id, 0, false)
		pipe.Do(t.Context(), "ZADD", names[0], first.CreatedAt.UnixMilli(), id)
	}
	_, err := pipe.Exec(t.Context())
	must(t, err)
	got, err := r.store.List(t.Context(), issuer, "acme", "u1")
	must(t, err)
	equal(t, "listed", len(got), 1000)
}

// listOutlives: the settings may have been lowered in between.
func listOutlives(t *testing.T, r *room) {
	for _, lifetime := range []time.Duration{2 * hour, hour, 3 * hour} {
		r.login(t, "acme", "u1", hour, lifetime)
		for _, key := range r.keys(t, "u:*") {
			if d, least := r.rdb.PTTL(t.Context(), key).Val(), max(lifetime, 2*hour)-time.Minute; d < least {
				t.Errorf("after a session of %v the list lives for %v, want %v", lifetime, d, least)
			}
		}
	}
}

func idleSessionEnds(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", 20*time.Millisecond, hour)
	eventually(t, "the idle session is gone", func() bool {
		_, err := r.store.Get(t.Context(), s.ID)
		return err != nil
	})
	_, err := r.store.Get(t.Context(), s.ID)
	wantError(t, "get", err, session.ErrNotFound)
	_, err = r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	wantError(t, "rotate", err, session.ErrEnded)
	_, err = r.store.Prove(t.Context(), s.ID, sum(1))
	wantError(t, "prove", err, session.ErrEnded)
}

func absoluteEndCaps(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, 2*hour)
	rot := rotation(s.ID, 2, 3)
	rot.Idle = 3 * hour
	got, err := r.store.Rotate(t.Context(), rot)
	must(t, err)
	equal(t, "refresh expiry", got.RefreshExpiresAt, s.ExpiresAt)

	short := r.login(t, "acme", "u1", hour, 20*time.Millisecond)
	for next := byte(2); ; next++ {
		_, err := r.store.Rotate(t.Context(), rotation(short.ID, next, next+1))
		if err != nil {
			wantError(t, "renewal past the absolute end", err, session.ErrEnded)
			return
		}
		if next == 250 {
			next = 1
			short = r.login(t, "acme", "u1", hour, 20*time.Millisecond)
		}
	}
}

func revokedSessionEnds(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	other := r.login(t, "acme", "u1", hour, hour)
	_, err := r.store.Revoke(t.Context(), revocation(events.ScopeSession, s.ID, hour))
	must(t, err)
	_, err = r.store.Get(t.Context(), s.ID)
	wantError(t, "get", err, session.ErrNotFound)
	_, err = r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	wantError(t, "rotate", err, session.ErrEnded)
	names := r.keys(t, "u:*")
	members, err := r.rdb.ZRange(t.Context(), names[0], 0, -1).Result()
	must(t, err)
	if !reflect.DeepEqual(members, []string{other.ID}) {
		t.Fatalf("index holds %v, want only %s", members, other.ID)
	}
}

func otherIssuerLivesOn(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	foreign := revocation(events.ScopeSession, s.ID, hour)
	foreign.Issuer = "https://elsewhere.test"
	_, err := r.store.Revoke(t.Context(), foreign)
	must(t, err)
	_, err = r.store.Get(t.Context(), s.ID)
	must(t, err)
	_, err = r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	must(t, err)
}

func otherIssuerCannotRotate(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	foreign := rotation(s.ID, 2, 9)
	foreign.Issuer = "https://elsewhere.test"
	_, err := r.store.Rotate(t.Context(), foreign)
	wantError(t, "by another issuer", err, session.ErrRefreshInvalid)
	got, err := r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	must(t, err)
	equal(t, "the salt that won", got.Salt, [16]byte{3}) // nothing had changed
}

func revokedIsNotCreated(t *testing.T, r *room) {
	s := newSession("acme", "u1")
	_, err := r.store.Revoke(t.Context(), revocation(events.ScopeSession, s.ID, hour))
	must(t, err)
	_, err = r.store.Create(t.Context(), opening(s, hour, hour))
	wantError(t, "create", err, session.ErrEnded)
}

func stampsNeverDecrease(t *testing.T, r *room) {
	ahead := revocation(events.ScopeToken, "seen", hour)
	ahead.Stamp = time.Now().Add(hour).UnixMilli()
	must(t, r.store.Apply(t.Context(), "", []events.Revocation{ahead}))
	opened, err := r.store.Create(t.Context(), opening(newSession("acme", "u1"), hour, hour))
	must(t, err)
	stamp := opened.Stamp
	equal(t, "stamp of a login after the stamp ran ahead", stamp.Millis, ahead.Stamp)
	if d := time.Until(stamp.Now); d > hour/2 {
		t.Fatalf("the clock followed the stamp: %v ahead", d)
	}
	rev, err := r.store.Revoke(t.Context(), revocation(events.ScopeToken, "t", hour))
	must(t, err)
	equal(t, "stamp of a revocation", rev.Stamp, ahead.Stamp)
	must(t, r.store.Apply(t.Context(), "", []events.Revocation{revocation(events.ScopeToken, "old", hour)}))
	rev, err = r.store.Revoke(t.Context(), revocation(events.ScopeToken, "u", hour))
	must(t, err)
	equal(t, "stamp after an old entry was applied", rev.Stamp, ahead.Stamp)
}
