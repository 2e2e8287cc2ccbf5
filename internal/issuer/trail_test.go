package issuer_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
)

var device = session.Device{ID: "d-1", Kind: "cli"}

// wantEvent waits for the event that has want's kind, session, action, name and
// reason, and compares the whole. What cannot be known before must be there.
func (b *bench) wantEvent(t *testing.T, want session.Event) {
	t.Helper()
	got := b.awaitEvent(t, func(e session.Event) bool {
		return e.Kind == want.Kind && e.SessionID == want.SessionID && e.Action == want.Action &&
			e.Username == want.Username && e.Reason == want.Reason
	})
	if got.ID == "" || got.RequestID == "" || time.Since(got.At).Abs() > time.Hour {
		t.Errorf("%s: no id, request or time: %+v", want.Kind, got)
	}
	if (got.RevocationID != "") != (want.Action == "revoke" || want.Reason == "session_limit") {
		t.Errorf("%s: revocation %q", want.Kind, got.RevocationID)
	}
	got.ID, got.RequestID, got.At, got.RevocationID = "", "", time.Time{}, ""
	if want.IP == "" {
		want.IP = "127.0.0.1"
	}
	want.UserAgent = "bench/1"
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// as makes a call of the user agent that wantEvent expects.
func (b *bench) as(t *testing.T, c call, status int, code string) answer {
	t.Helper()
	c.url, c.header = b.url+c.url, http.Header{"User-Agent": {"bench/1"}}
	a := c.do(t)
	a.want(t, c.url, status, code)
	return a
}

func (b *bench) refresh(t *testing.T, token, deviceID string, status int, code string) (g grant) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"refresh_token": token, "device_id": deviceID})
	testenv.Must(t, err)
	testenv.Must(t, json.Unmarshal([]byte(b.as(t, call{url: "/v1/refresh", body: string(body)}, status, code).body), &g))
	return g
}

// alices is an event about a session of alice.
func alices(kind string, g grant, reason, actor string) session.Event {
	return session.Event{Kind: kind, Tenant: "default", UserID: "u-alice", SessionID: g.SessionID, Device: device, Reason: reason, Actor: actor}
}

// Whatever happens to a session is in the trail, with who, where from, why and
// by whom.
func TestTrailOfSessions(t *testing.T) {
	b := start(t, func(cfg *config.Issuer) {
		cfg.SessionLimit, cfg.BindDevice = 1, true
		cfg.RefreshAlarmCount, cfg.RefreshAlarmWindow = 2, time.Hour
	})
	first := b.login(t, "alice", "")
	second := b.refresh(t, first.RefreshToken, "d-1", 200, "")
	b.refresh(t, second.RefreshToken, "d-2", 401, "refresh_invalid")
	b.refresh(t, first.RefreshToken, "d-1", 200, "") // within the grace
	b.refresh(t, second.RefreshToken, "d-1", 200, "")
	b.refresh(t, first.RefreshToken, "d-1", 401, "refresh_reused")
	evicted := b.login(t, "alice", "")
	ended := b.login(t, "alice", "")
	b.as(t, call{method: http.MethodDelete, url: "/v1/sessions/" + ended.SessionID, bearer: ended.AccessToken}, 200, "")
	out := b.login(t, "alice", "")
	b.as(t, call{method: http.MethodPost, url: "/v1/logout", bearer: out.AccessToken}, 200, "")

	b.wantEvent(t, alices(session.EventLogin, first, "password", "u-alice"))
	b.wantEvent(t, alices(session.EventRefresh, first, "exchange", "u-alice"))
	b.wantEvent(t, alices(session.EventRefresh, first, "retry", "u-alice"))
	b.wantEvent(t, alices(session.EventRefreshUnusual, first, "refresh_alarm_count", "curfew"))
	b.wantEvent(t, alices(session.EventDeviceMismatch, first, "device_mismatch", "curfew"))
	b.wantEvent(t, alices(session.EventReuse, first, "refresh_reuse", "curfew"))
	b.wantEvent(t, alices(session.EventSessionLimit, evicted, "session_limit", "curfew"))
	b.wantEvent(t, alices(session.EventLogout, ended, "session_ended", "u-alice"))
	logout := alices(session.EventLogout, out, "logout", "u-alice")
	logout.Device.Kind = "" // the token knows no more than the id
	b.wantEvent(t, logout)
}

func TestTrailOfFailures(t *testing.T) {
	b := start(t, func(cfg *config.Issuer) { cfg.LoginLockThreshold = 2 })
	wrong := call{url: "/v1/login", body: `{"username":"bob","password":"wrong","tenant":"acme","device":{"id":"d-1","kind":"cli"}}`}
	b.as(t, wrong, 401, "invalid_credentials")
	b.as(t, wrong, 401, "invalid_credentials")
	failed := session.Event{Kind: session.EventLoginFailed, Tenant: "acme", Username: "bob", Device: device, Reason: "invalid_credentials"}
	b.wantEvent(t, failed)
	failed.Kind, failed.Reason, failed.Actor = session.EventLocked, "login_lock_threshold", "curfew"
	b.wantEvent(t, failed)
}

func TestTrailOfAdmins(t *testing.T) {
	b := start(t, nil)
	var g grant
	opened := b.as(t, call{
		url: "/admin/v1/sessions", bearer: b.admin,
		body: `{"user_id":"u-9","tenant":"acme","device":{"id":"d-1","kind":"cli"},"ip":"192.0.2.7","user_agent":"bench/1"}`,
	}, 200, "")
	testenv.Must(t, json.Unmarshal([]byte(opened.body), &g))
	b.as(t, call{
		url: "/admin/v1/revocations", bearer: b.admin, body: `{"scope":"session","id":"` + g.SessionID + `","reason":"lost phone"}`,
	}, 200, "")
	kid, _ := b.as(t, call{url: "/admin/v1/keys/rotate", bearer: b.admin, method: http.MethodPost}, 200, "").field(t, "kid").(string)

	login := session.Event{
		Kind: session.EventLogin, Tenant: "acme", UserID: "u-9", SessionID: g.SessionID, Device: device,
		IP: "192.0.2.7", Reason: "opened_by_admin", Actor: "u-9",
	}
	b.wantEvent(t, login)
	act := login
	act.Kind, act.IP, act.Reason, act.Actor, act.Action = session.EventAdmin, "", "", "admin", "session.create"
	b.wantEvent(t, act)
	b.wantEvent(t, session.Event{
		Kind: session.EventAdmin, Tenant: "acme", UserID: "u-9", SessionID: g.SessionID, Device: device,
		Action: "revoke", Scope: "session", Subject: g.SessionID, Reason: "lost phone", Actor: "admin",
	})
	b.wantEvent(t, session.Event{Kind: session.EventAdmin, Action: "keys.rotate", Subject: kid, Actor: "admin"})
}

// A key that is due gets a successor without being asked, and that is an act.
func TestTrailOfRotationByAge(t *testing.T) {
	b := start(t, func(cfg *config.Issuer) {
		cfg.KeyRotateEvery = time.Hour
		_, private, err := ed25519.GenerateKey(rand.Reader)
		testenv.Must(t, err)
		der, err := x509.MarshalPKCS8PrivateKey(private)
		testenv.Must(t, err)
		file, old := filepath.Join(cfg.KeysDir, "old.pem"), time.Now().Add(-3*time.Hour)
		testenv.Must(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
		testenv.Must(t, os.Chtimes(file, old, old))
	})
	e := b.awaitEvent(t, func(e session.Event) bool { return e.Action == "keys.rotate" })
	if e.Kind != session.EventAdmin || e.Actor != "curfew" || e.Reason != "key_rotate_every" || e.Subject == "" || e.Subject == "old" || e.At.IsZero() {
		t.Errorf("got %+v", e)
	}
}
