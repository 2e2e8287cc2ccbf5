package storetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/session"
)

func refreshTests() []test {
	return []test{
		{"a secret is exchanged for its successor", exchanges},
		{"a wrong family changes nothing", wrongFamily},
		{"an old secret changes nothing and is reported", reuseReported},
		{"the predecessor gets the same successor in its grace", graceSameSuccessor},
		{"the predecessor is reuse after its grace", graceEnds},
		{"a clock that was set back does not lengthen the grace", graceUnderAClock},
		{"a session that is over is not refreshed while its key is there", overThoughItsKeyIsThere},
		{"parallel rotations make one lineage", oneLineage},
		{"a refresh racing the end never revives", neverRevives},
		{"a revocation ends a session that came back", revivedIsEnded},
		{"the family is proved without a change", proves},
		{"only the current refresh token is current", currentIsCurrent},
		{"last seen is written once a minute", lastSeen},
		{"without an idle time the end stays", endStays},
		{"another device changes nothing", boundToDevice},
	}
}

func exchanges(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", time.Minute, 2*hour)
	for n := byte(2); n < 12; n++ {
		got, err := r.store.Rotate(t.Context(), rotation(s.ID, n, n+1))
		must(t, err)
		equal(t, "salt", got.Salt, [16]byte{n + 1})
		equal(t, "user", got.Session.UserID, "u1")
		equal(t, "expiry", got.RefreshExpiresAt, got.Stamp.Now.Add(hour))
	}
}

func wrongFamily(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	bad := rotation(s.ID, 2, 3)
	bad.Family = sum(9)
	_, err := r.store.Rotate(t.Context(), bad)
	wantError(t, "rotate", err, session.ErrRefreshInvalid)
	_, err = r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	must(t, err)
}

func reuseReported(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	_, err := r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	must(t, err)
	_, err = r.store.Rotate(t.Context(), rotation(s.ID, 3, 4))
	must(t, err)
	for _, old := range []byte{2, 77} {
		_, err = r.store.Rotate(t.Context(), rotation(s.ID, old, 5))
		wantError(t, "rotate an old secret", err, session.ErrRefreshReused)
	}
	_, err = r.store.Rotate(t.Context(), rotation(s.ID, 4, 5))
	must(t, err)
}

func graceSameSuccessor(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	won, err := r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	must(t, err)
	late, err := r.store.Rotate(t.Context(), rotation(s.ID, 2, 9))
	must(t, err)
	equal(t, "salt", late.Salt, won.Salt)
	equal(t, "expiry", late.RefreshExpiresAt, won.RefreshExpiresAt)
	_, err = r.store.Rotate(t.Context(), rotation(s.ID, 9, 10))
	wantError(t, "the loser's own successor", err, session.ErrRefreshReused)
	_, err = r.store.Rotate(t.Context(), rotation(s.ID, 3, 4))
	must(t, err)
}

func graceEnds(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	_, err := r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	must(t, err)
	late := rotation(s.ID, 2, 9)
	late.Grace = 20 * time.Millisecond
	eventually(t, "the grace is over", func() bool {
		_, err = r.store.Rotate(t.Context(), late)
		return err != nil
	})
	wantError(t, "the predecessor after its grace", err, session.ErrRefreshReused)
}

func graceUnderAClock(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	_, err := r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	must(t, err)
	must(t, r.rdb.HSet(t.Context(), r.prefix+"s:"+s.ID, "rotated", time.Now().Add(2*hour).UnixMilli()).Err())
	_, err = r.store.Rotate(t.Context(), rotation(s.ID, 2, 9))
	wantError(t, "the predecessor, two hours before it was rotated", err, session.ErrRefreshReused)
}

// As after a failover to a server whose clock is ahead, or at the very end.
func overThoughItsKeyIsThere(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	must(t, r.rdb.HSet(t.Context(), r.prefix+"s:"+s.ID, "expires", time.Now().Add(-time.Minute).UnixMilli()).Err())
	_, err := r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	wantError(t, "rotate", err, session.ErrEnded)
}

func oneLineage(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	salts := make([][16]byte, 100)
	var wg sync.WaitGroup
	for i := range salts {
		wg.Go(func() {
			got, err := r.store.Rotate(t.Context(), rotation(s.ID, 2, byte(3+i)))
			if err != nil {
				t.Error(err)
			}
			salts[i] = got.Salt
		})
	}
	wg.Wait()
	for _, salt := range salts {
		equal(t, "salt", salt, salts[0])
	}
	_, err := r.store.Rotate(t.Context(), rotation(s.ID, salts[0][0], 200))
	must(t, err)
}

func neverRevives(t *testing.T, r *room) {
	for range 20 {
		s := r.login(t, "acme", "u1", hour, hour)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() { rotateUntilEnded(t, r, s.ID, byte(i)) })
		}
		_, err := r.store.Revoke(t.Context(), revocation(events.ScopeSession, s.ID, hour))
		must(t, err)
		wg.Wait()
		n, err := r.rdb.Exists(t.Context(), r.prefix+"s:"+s.ID).Result()
		must(t, err)
		equal(t, "sessions after the end", n, 0)
	}
	got, err := r.store.List(t.Context(), issuer, "acme", "u1")
	must(t, err)
	equal(t, "listed after the end", len(got), 0)
}

func rotateUntilEnded(t *testing.T, r *room, id string, salt byte) {
	for secret := byte(2); ; {
		rot := rotation(id, secret, secret+1)
		rot.Salt[1] = salt
		got, err := r.store.Rotate(t.Context(), rot)
		switch {
		case errors.Is(err, session.ErrEnded):
			return
		case errors.Is(err, session.ErrRefreshReused): // the others are further on
		case err != nil:
			t.Error(err)
			return
		}
		if err == nil && got.Salt[0] != secret+1 {
			t.Errorf("secret %d led to %d", secret, got.Salt[0])
		}
		secret++
	}
}

// revivedIsEnded puts back what a failover might: the session, but not its end.
func revivedIsEnded(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	rev := revocation(events.ScopeSession, s.ID, hour)
	must(t, r.rdb.Set(t.Context(), r.prefix+"rev:"+rev.Key(), "x", hour).Err())
	_, err := r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	wantError(t, "rotate", err, session.ErrEnded)
	must(t, r.store.Apply(t.Context(), "", []events.Revocation{rev}))
	_, err = r.store.Get(t.Context(), s.ID)
	wantError(t, "get", err, session.ErrNotFound)
}

func proves(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	got, err := r.store.Prove(t.Context(), s.ID, sum(1))
	must(t, err)
	equal(t, "user", got.UserID, "u1")
	_, err = r.store.Prove(t.Context(), s.ID, sum(9))
	wantError(t, "another family", err, session.ErrRefreshInvalid)
	_, err = r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	must(t, err)
}

func currentIsCurrent(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, 2*hour)
	got, ends, err := r.store.Current(t.Context(), s.ID, session.Refresh{Family: sum(1), Current: sum(2)})
	must(t, err)
	equal(t, "user", got.UserID, "u1")
	equal(t, "end unless refreshed", ends, s.CreatedAt.Add(hour))
	_, _, err = r.store.Current(t.Context(), s.ID, session.Refresh{Family: sum(9), Current: sum(2)})
	wantError(t, "another family", err, session.ErrRefreshInvalid)
	rotated, err := r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	must(t, err)
	_, _, err = r.store.Current(t.Context(), s.ID, session.Refresh{Family: sum(1), Current: sum(2)})
	wantError(t, "rotated away", err, session.ErrRefreshReused)
	_, ends, err = r.store.Current(t.Context(), s.ID, session.Refresh{Family: sum(1), Current: sum(3)})
	must(t, err)
	equal(t, "end after a refresh", ends, rotated.RefreshExpiresAt)
	_, err = r.store.Revoke(t.Context(), revocation(events.ScopeSession, s.ID, hour))
	must(t, err)
	_, _, err = r.store.Current(t.Context(), s.ID, session.Refresh{Family: sum(1), Current: sum(3)})
	wantError(t, "ended", err, session.ErrEnded)
}

func lastSeen(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	got, err := r.store.Rotate(t.Context(), rotation(s.ID, 2, 3))
	must(t, err)
	equal(t, "last seen within a minute", got.Session.LastSeen, s.LastSeen)
	key, secret := r.prefix+"s:"+s.ID, byte(3)
	for what, seen := range map[string]time.Time{
		"a minute later": s.LastSeen.Add(-time.Minute), "by a clock that was ahead": s.LastSeen.Add(hour),
	} {
		must(t, r.rdb.HSet(t.Context(), key, "seen", seen.UnixMilli()).Err())
		got, err = r.store.Rotate(t.Context(), rotation(s.ID, secret, secret+1))
		must(t, err)
		equal(t, "last seen "+what, got.Session.LastSeen, got.Stamp.Now)
		secret++
	}
	must(t, r.rdb.HSet(t.Context(), key, "seen", s.LastSeen.Add(-hour).UnixMilli()).Err())
	got, err = r.store.Rotate(t.Context(), rotation(s.ID, secret-1, 99))
	must(t, err)
	equal(t, "last seen by a retry", got.Session.LastSeen, got.Stamp.Now)
}

func endStays(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, 2*hour)
	for n := byte(2); n < 5; n++ {
		fixed := rotation(s.ID, n, n+1)
		fixed.Idle = 0
		got, err := r.store.Rotate(t.Context(), fixed)
		must(t, err)
		equal(t, "end", got.RefreshExpiresAt, s.CreatedAt.Add(hour))
	}
	short := r.login(t, "acme", "u1", 30*time.Millisecond, 2*hour)
	n := byte(2)
	eventually(t, "the session is over, however often refreshed", func() bool {
		fixed := rotation(short.ID, n, n+1)
		fixed.Idle = 0
		_, err := r.store.Rotate(t.Context(), fixed)
		n++
		return errors.Is(err, session.ErrEnded)
	})
}

func boundToDevice(t *testing.T, r *room) {
	s := r.login(t, "acme", "u1", hour, hour)
	from := func(device string, presented byte) session.Rotation {
		rot := rotation(s.ID, presented, 3)
		rot.BindDevice, rot.DeviceID = true, device
		return rot
	}
	for _, other := range []string{"", "d2", "d1 "} {
		for _, secret := range []byte{2, 77} { // not even a reuse
			_, err := r.store.Rotate(t.Context(), from(other, secret))
			wantError(t, "from "+other, err, session.ErrWrongDevice)
			wantError(t, "from "+other, err, session.ErrRefreshInvalid)
		}
	}
	strange := from("d2", 2)
	strange.Family = sum(9)
	_, err := r.store.Rotate(t.Context(), strange)
	if !errors.Is(err, session.ErrRefreshInvalid) || errors.Is(err, session.ErrWrongDevice) {
		t.Fatalf("a forged token from another device: %v", err)
	}
	_, err = r.store.Rotate(t.Context(), from("d1", 2))
	must(t, err)

	bare := newSession("acme", "u2") // from before the rule
	bare.Device.ID = ""
	opened, err := r.store.Create(t.Context(), opening(bare, hour, hour))
	must(t, err)
	s = opened.Session
	_, err = r.store.Rotate(t.Context(), from("d2", 2))
	must(t, err)
}
