package issuer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/edge"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// edge starts an edge beside the issuer and returns its URL.
func (b *bench) edge(t *testing.T, change ...func(*config.Edge)) string {
	t.Helper()
	var cfg config.Edge
	config.Defaults(&cfg)
	cfg.DrainDelay = 0 // nobody balances load here
	cfg.NATSURL, cfg.RedisURL, cfg.IssuerURL, cfg.EdgeID = b.nats.URL(), b.store.URL(), b.url, "edge-1"
	for _, change := range change {
		change(&cfg)
	}
	cfg.Resolve()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	testenv.Must(t, err)
	cfg.EdgeURL = "http://" + ln.Addr().String()
	e, err := edge.New(cfg, slog.New(slog.DiscardHandler))
	testenv.Must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx, ln) }()
	b.stopEdge = sync.OnceFunc(func() { cancel(); testenv.Must(t, <-ended) })
	t.Cleanup(b.stopEdge)
	testenv.Eventually(t, patience, e.Ready)
	return cfg.EdgeURL
}

func whoami(t *testing.T, edge string, g grant) answer {
	t.Helper()
	return call{url: edge + "/v1/whoami", bearer: g.AccessToken}.do(t)
}

// awaitRefused waits until the edge refuses with a code.
func awaitRefused(t *testing.T, edge string, g grant, code string) {
	t.Helper()
	testenv.Eventually(t, patience, func() error {
		if a := whoami(t, edge, g); a.status != http.StatusUnauthorized || a.field(t, "code") != code {
			return errors.New(a.body)
		}
		return nil
	})
}

func (b *bench) revoke(t *testing.T, body string) answer {
	t.Helper()
	return call{url: b.url + "/admin/v1/revocations", bearer: b.admin, body: body}.do(t)
}

// wantSessions checks what a dry run counts.
func (b *bench) wantSessions(t *testing.T, want int, scope string) {
	t.Helper()
	a := b.revoke(t, `{"dry_run":true,`+scope+`}`)
	a.want(t, scope, 200, "")
	if got := a.field(t, "sessions"); got != float64(want) {
		t.Errorf("%s: %v sessions in a dry run, want %d", scope, got, want)
	}
}

func (b *bench) exchange(t *testing.T, g grant) (answer, grant) {
	t.Helper()
	a := call{url: b.url + "/v1/refresh", body: `{"refresh_token":"` + g.RefreshToken + `"}`}.do(t)
	var next grant
	testenv.Must(t, json.Unmarshal([]byte(a.body), &next))
	return a, next
}

func (b *bench) wantEnded(t *testing.T, edge string, g grant) {
	t.Helper()
	a, _ := b.exchange(t, g)
	a.want(t, "a refresh", 401, "session_ended")
	awaitRefused(t, edge, g, "token_revoked")
}

// One event ends a user's sessions, and the next login works at once.
func TestRevokeUser(t *testing.T) {
	b := start(t, nil)
	edge := b.edge(t)
	alice, again, bob := b.login(t, "alice", ""), b.login(t, "alice", ""), b.login(t, "bob", "")
	const scope = `"scope":"user","id":"u-alice"`
	b.wantSessions(t, 2, scope)
	whoami(t, edge, alice).want(t, "after a dry run", 200, "")
	a := b.revoke(t, `{`+scope+`,"reason":"phone stolen"}`)
	a.want(t, "revoke", 200, "")
	if a.field(t, "status") != "committed" || a.field(t, "scope") != "user" || a.field(t, "id") != "u-alice" {
		t.Errorf("receipt %s", a.body)
	}
	b.wantEnded(t, edge, alice)
	b.wantEnded(t, edge, again)
	b.wantSessions(t, 0, scope)
	whoami(t, edge, bob).want(t, "another user", 200, "")
	e := b.awaitEvent(t, func(e session.Event) bool { return e.Action == "revoke" })
	if e.Scope != "user" || e.UserID != "u-alice" || e.Tenant != "default" || e.Reason != "phone stolen" || e.Actor != "admin" || e.RevocationID == "" {
		t.Errorf("in the trail: %+v", e)
	}
	for n := range 100 {
		b.revoke(t, `{`+scope+`}`).want(t, "revoke", 200, "")
		a := call{url: b.url + "/admin/v1/sessions", bearer: b.admin, body: `{"user_id":"u-alice"}`}.do(t)
		var g grant
		testenv.Must(t, json.Unmarshal([]byte(a.body), &g))
		whoami(t, edge, g).want(t, fmt.Sprint("login ", n), 200, "")
		a, g = b.exchange(t, g)
		a.want(t, "its refresh", 200, "")
		whoami(t, edge, g).want(t, "and its token", 200, "")
	}
	whoami(t, edge, b.login(t, "alice", "")).want(t, "a login with a password", 200, "")
}

// Sessions live on, and every access token must be renewed.
func TestRevokeWithRefresh(t *testing.T) {
	b := start(t, nil)
	edge := b.edge(t)
	for _, scope := range []string{`"scope":"user","id":"u-alice"`, `"scope":"tenant","id":"default"`, `"scope":"all"`} {
		g := b.login(t, "alice", "")
		b.revoke(t, `{"mode":"refresh",`+scope+`}`).want(t, scope, 200, "")
		awaitRefused(t, edge, g, "token_refresh_required")
		a, next := b.exchange(t, g)
		a.want(t, "the refresh", 200, "")
		if next.SessionID != g.SessionID {
			t.Errorf("%s: another session", scope)
		}
		whoami(t, edge, next).want(t, "the new token", 200, "")
	}
	b.awaitEvent(t, func(e session.Event) bool { return e.Action == "revoke.refresh" && e.Scope == "all" })
}

func TestRevokeMany(t *testing.T) {
	b := start(t, nil)
	edge := b.edge(t)
	alice, bob, carol := b.login(t, "alice", ""), b.login(t, "bob", ""), b.login(t, "carol", "acme")
	b.wantSessions(t, 1, `"scope":"tenant","id":"acme"`)
	b.wantSessions(t, 3, `"scope":"all"`)
	b.revoke(t, `{"scope":"tenant","id":"acme"}`).want(t, "tenant", 200, "")
	b.wantEnded(t, edge, carol)
	whoami(t, edge, alice).want(t, "another tenant", 200, "")
	b.wantSessions(t, 2, `"scope":"all","id":"all"`)
	b.revoke(t, `{"scope":"all"}`).want(t, "all", 200, "")
	b.wantEnded(t, edge, alice)
	b.wantEnded(t, edge, bob)
	b.wantSessions(t, 0, `"scope":"all"`)

	alice, carol = b.login(t, "alice", ""), b.login(t, "carol", "acme")
	whoami(t, edge, alice).want(t, "after all", 200, "")
	parsed, _, err := jwt.NewParser().ParseUnverified(alice.AccessToken, jwt.MapClaims{})
	testenv.Must(t, err)
	b.revoke(t, `{"scope":"key","id":"`+parsed.Header["kid"].(string)+`"}`).want(t, "key", 200, "")
	awaitRefused(t, edge, alice, "token_revoked")
	awaitRefused(t, edge, carol, "token_revoked")
	awaitRefused(t, edge, b.login(t, "bob", ""), "token_revoked") // the same key still signs
}

func TestRevokeDevice(t *testing.T) {
	b := start(t, nil)
	edge := b.edge(t)
	first, second := b.login(t, "bob", ""), b.login(t, "bob", "")
	others := b.login(t, "alice", "") // on a device of the same id
	a := call{url: b.url + "/admin/v1/sessions", bearer: b.admin, body: `{"user_id":"u-bob","device":{"id":"d-2"}}`}.do(t)
	var elsewhere grant
	testenv.Must(t, json.Unmarshal([]byte(a.body), &elsewhere))
	const scope = `"scope":"device","id":"d-1","user":"u-bob"`
	b.wantSessions(t, 2, scope)
	a = b.revoke(t, `{`+scope+`}`)
	a.want(t, "device", 200, "")
	if list, _ := a.field(t, "receipts").([]any); len(list) != 2 || a.field(t, "scope") != "device" || a.field(t, "status") != "committed" {
		t.Errorf("receipt %s", a.body)
	}
	b.wantEnded(t, edge, first)
	b.wantEnded(t, edge, second)
	whoami(t, edge, others).want(t, "another user's", 200, "")
	whoami(t, edge, elsewhere).want(t, "another device", 200, "")
	b.revoke(t, `{`+scope+`}`).want(t, "once more", 200, "")
}

// What is bad is refused, and nothing has changed.
func TestBadRevocations(t *testing.T) {
	b := start(t, withAdmins)
	g, carol := b.login(t, "alice", ""), b.login(t, "carol", "acme")
	long := strings.Repeat("x", 513)
	for _, r := range []struct {
		bearer, body string
		status       int
		code         string
	}{
		{b.admin, `{"scope":"galaxy","id":"u-alice"}`, 400, "bad_request"},
		{b.admin, `{"id":"u-alice"}`, 400, "bad_request"},
		{b.admin, `{"scope":"user"}`, 400, "bad_request"},
		{b.admin, `{"scope":"tenant"}`, 400, "bad_request"},
		{b.admin, `{"scope":"user","id":"` + long + `"}`, 400, "bad_request"},
		{b.admin, `{"scope":"user","id":"u-alice","tenant":"` + long + `"}`, 400, "bad_request"},
		{b.admin, `{"scope":"user","id":"u-alice","user":"u-alice"}`, 400, "bad_request"},
		{b.admin, `{"scope":"device","id":"d-1"}`, 400, "bad_request"},
		{b.admin, `{"scope":"device","id":"d-1","user":"` + long + `"}`, 400, "bad_request"},
		{b.admin, `{"scope":"device","id":"d-1","user":"u-alice","mode":"refresh"}`, 400, "bad_request"},
		{b.admin, `{"scope":"session","id":"` + g.SessionID + `","mode":"refresh"}`, 400, "bad_request"},
		{b.admin, `{"scope":"user","id":"u-alice","mode":"undo"}`, 400, "bad_request"},
		{b.admin, `{"scope":"user","id":"u-alice","reason":"` + long + `"}`, 400, "bad_request"},
		{b.admin, `{"scope":"all","id":"u-alice"}`, 400, "bad_request"},
		{b.admin, `{"scope":"all","tenant":"acme"}`, 400, "bad_request"},
		{b.admin, `{"scope":"tenant","id":"default","tenant":"acme"}`, 400, "bad_request"},
		{b.admin, `{"scope":"user","id":"u-alice","dry_run":"yes"}`, 400, "bad_request"},
		{b.admin, `{"dry_run":true,"scope":"user","id":"nobody"}`, 404, "not_found"},
		{b.admin, `{"dry_run":true,"scope":"user","id":"u-alice","tenant":"acme"}`, 404, "not_found"},
		{b.admin, `{"dry_run":true,"scope":"session","id":"nothing"}`, 404, "not_found"},
		{b.admin, `{"dry_run":true,"scope":"device","id":"d-1","user":"nobody"}`, 404, "not_found"},
		{tenantAdmin, `{"scope":"all"}`, 403, "forbidden"},
		{tenantAdmin, `{"scope":"key","id":"k"}`, 403, "forbidden"},
		{tenantAdmin, `{"scope":"tenant","id":"default"}`, 403, "forbidden"},
		{tenantAdmin, `{"scope":"user","id":"u-alice"}`, 403, "forbidden"},
		{tenantAdmin, `{"scope":"device","id":"d-1","user":"u-alice"}`, 403, "forbidden"},
		{tenantAdmin, `{"dry_run":true,"scope":"all"}`, 403, "forbidden"},
		{reader, `{"dry_run":true,"scope":"all"}`, 403, "forbidden"},
	} {
		call{url: b.url + "/admin/v1/revocations", bearer: r.bearer, body: r.body}.do(t).want(t, r.body, r.status, r.code)
	}
	b.wantSessions(t, 2, `"scope":"all"`)
	b.wantSessions(t, 0, `"scope":"user","id":"u-bob"`) // of the users file, without a session
	b.revoke(t, `{"scope":"user","id":"nobody"}`).want(t, "a revocation is idempotent", 200, "")
	for _, own := range []string{`"scope":"device","id":"d-1","user":"u-carol","tenant":"acme"`, `"scope":"user","id":"u-carol","tenant":"acme"`, `"scope":"tenant","id":"acme"`} {
		call{url: b.url + "/admin/v1/revocations", bearer: tenantAdmin, body: `{` + own + `}`}.do(t).want(t, own, 200, "")
	}
	a, _ := b.exchange(t, carol)
	a.want(t, "carol's refresh", 401, "session_ended")
	a, _ = b.exchange(t, g)
	a.want(t, "alice's refresh", 200, "")
}
