package session_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/session"
)

func TestLogout(t *testing.T) {
	b := newBench(t)
	g, other := b.login(t, "alice"), b.login(t, "alice")
	for range 2 { // repeating it is harmless
		r, err := b.Logout(t.Context(), session.Session{ID: g.SessionID, UserID: "u-alice"})
		must(t, err)
		if r.Scope != events.ScopeSession || r.Subject != g.SessionID || r.RevocationID == "" {
			t.Errorf("receipt: %+v", r)
		}
	}
	_, err := b.Refresh(t.Context(), g.RefreshToken, session.Caller{})
	wantError(t, "refresh", err, session.ErrEnded)
	_, err = b.Refresh(t.Context(), other.RefreshToken, session.Caller{})
	must(t, err)
	if got := b.ends.reasons(t); len(got) != 1 || got[0] != "logout by u-alice" {
		t.Errorf("revocations: %v", got)
	}
	b.ends.err = session.ErrUnavailable
	before := b.trail.last()
	_, err = b.Logout(t.Context(), session.Session{ID: g.SessionID, UserID: "u-alice"})
	wantError(t, "logout without a store", err, session.ErrUnavailable)
	if b.trail.last() != before {
		t.Error("the trail has a logout that did not happen")
	}
	b.login(t, "alice")
}

func TestLogoutByRefreshToken(t *testing.T) {
	b := newBench(t)
	first := b.login(t, "alice")
	second, err := b.Refresh(t.Context(), first.RefreshToken, session.Caller{})
	must(t, err)
	r, err := b.LogoutRefresh(t.Context(), first.RefreshToken) // rotated away, once genuine
	must(t, err)
	if r.Subject != first.SessionID {
		t.Errorf("receipt: %+v", r)
	}
	if e := b.trail.last(); e.Kind != session.EventLogout || e.UserID != "u-alice" || e.Actor != "u-alice" || e.Reason != "logout" {
		t.Errorf("trail: %+v", e)
	}
	_, err = b.LogoutRefresh(t.Context(), second.RefreshToken)
	wantError(t, "again", err, session.ErrEnded)
}

// What the keys show to have been opened is ended, whatever the store says of it.
func TestLogoutOfWhatTheStoreDoesNotShow(t *testing.T) {
	b := newBench(t)
	g, another := b.login(t, "alice"), b.login(t, "alice")
	_, err := b.LogoutRefresh(t.Context(), splice(t, g.SessionID, another.RefreshToken))
	wantError(t, "another's family", err, session.ErrRefreshInvalid)
	must(t, b.rdb.FlushAll(t.Context()).Err())
	r, err := b.LogoutRefresh(t.Context(), g.RefreshToken)
	wantError(t, "without a vouch", err, nil)
	if r.Subject != g.SessionID || !r.Committed {
		t.Errorf("receipt: %+v", r)
	}
	refill, err := b.store.BeginRefill(t.Context())
	must(t, err)
	must(t, b.store.Vouch(t.Context(), refill, time.Now()))
	r, err = b.LogoutRefresh(t.Context(), g.RefreshToken)
	if wantError(t, "lost", err, session.ErrEnded); r.Subject != g.SessionID || !r.Committed {
		t.Errorf("receipt: %+v", r)
	}
	b.ends.pending = true
	r, err = b.LogoutRefresh(t.Context(), g.RefreshToken)
	if wantError(t, "pending", err, nil); r.Committed {
		t.Errorf("receipt: %+v", r)
	}
	b.ends.err = session.ErrUnavailable
	_, err = b.LogoutRefresh(t.Context(), g.RefreshToken)
	wantError(t, "nobody takes it", err, session.ErrUnavailable)
	b.ends.err = nil
	for what, forged := range map[string]string{"spliced": splice(t, g.SessionID, another.RefreshToken), "of no session": splice(t, uuid.NewString(), g.RefreshToken)} {
		r, err = b.LogoutRefresh(t.Context(), forged)
		if wantError(t, what, err, session.ErrEnded); r != (session.Receipt{}) {
			t.Errorf("%s: receipt %+v", what, r)
		}
	}
	other := config()
	other.Region = "elsewhere"
	r, err = b.restart(other).LogoutRefresh(t.Context(), g.RefreshToken)
	if wantError(t, "of another region", err, session.ErrEnded); r != (session.Receipt{}) {
		t.Errorf("receipt %+v", r)
	}
	other = config()
	other.Issuer = "https://elsewhere.test"
	r, err = b.restart(other).LogoutRefresh(t.Context(), g.RefreshToken)
	if wantError(t, "of another issuer", err, session.ErrEnded); r != (session.Receipt{}) {
		t.Errorf("receipt %+v", r)
	}
}

func TestEndOne(t *testing.T) {
	b := newBench(t)
	mine, yours := b.login(t, "alice"), b.login(t, "bob")
	for name, c := range map[string][3]string{
		"another user's": {"default", "u-alice", yours.SessionID},
		"other tenant":   {"acme", "u-alice", mine.SessionID},
		"unknown":        {"default", "u-alice", uuid.NewString()},
		"no id":          {"default", "u-alice", ""},
	} {
		_, err := b.EndOne(t.Context(), c[0], c[1], c[2])
		wantError(t, name, err, session.ErrNotFound)
	}
	if got := b.ends.reasons(t); len(got) != 0 {
		t.Errorf("revocations: %v", got)
	}
	_, err := b.EndOne(t.Context(), "default", "u-alice", mine.SessionID)
	must(t, err)
	_, err = b.Refresh(t.Context(), mine.RefreshToken, session.Caller{})
	wantError(t, "refresh", err, session.ErrEnded)
}

func TestEndAll(t *testing.T) {
	b := newBench(t)
	keep, bob := b.login(t, "alice"), b.login(t, "bob")
	b.login(t, "alice")
	b.login(t, "alice")
	receipts, err := b.EndAll(t.Context(), "default", "u-alice", keep.SessionID)
	must(t, err)
	left, err := b.Sessions(t.Context(), "default", "u-alice")
	must(t, err)
	if len(receipts) != 2 || len(left) != 1 || left[0].ID != keep.SessionID {
		t.Errorf("%d receipts, left %v", len(receipts), left)
	}
	receipts, err = b.EndAll(t.Context(), "default", "u-alice", "")
	must(t, err)
	if left, _ = b.Sessions(t.Context(), "default", "u-alice"); len(receipts) != 1 || len(left) != 0 {
		t.Errorf("%d receipts, left %v", len(receipts), left)
	}
	receipt, err := b.RevokeUser(t.Context(), "default", "u-alice")
	must(t, err)
	if receipt.Scope != events.ScopeUser || receipt.Subject != "u-alice" {
		t.Errorf("receipt %+v", receipt)
	}
	if e := b.trail.last(); e.Kind != session.EventLogout || e.UserID != "u-alice" || e.Actor != "u-alice" || e.Scope != "user" || e.RevocationID != receipt.RevocationID {
		t.Errorf("trail: %+v", e)
	}
	if left, _ = b.Sessions(t.Context(), "default", "u-bob"); len(left) != 1 || left[0].ID != bob.SessionID {
		t.Errorf("bob has %v", left)
	}
	b.ends.err = session.ErrUnavailable
	_, err = b.EndAll(t.Context(), "default", "u-bob", "")
	wantError(t, "end all without a store", err, session.ErrUnavailable)
}

// splice puts another session's id in front of a refresh token.
func splice(t tester, sid, raw string) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(raw, "cfr_"))
	must(t, err)
	id := uuid.MustParse(sid)
	copy(b, id[:])
	return "cfr_" + base64.RawURLEncoding.EncodeToString(b)
}
