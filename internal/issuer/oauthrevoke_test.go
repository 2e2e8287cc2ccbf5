package issuer_test

import (
	"net/http"
	"testing"

	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
)

func (b *bench) whose(t *testing.T, accessToken string) answer {
	t.Helper()
	return call{url: b.url + "/v1/sessions", bearer: accessToken}.do(t)
}

func TestOAuthRevoke(t *testing.T) {
	b := start(t, nil)
	revoke := func(what string, pairs ...string) {
		t.Helper()
		a := b.post(t, "/oauth2/revoke", "", pairs...)
		if a.want(t, what, http.StatusOK, ""); a.body != "" {
			t.Errorf("%s: answered %s", what, a.body)
		}
	}
	b.post(t, "/oauth2/revoke", "", "token_type_hint", "access_token").wantError(t, "no token", http.StatusBadRequest, "invalid_request")
	one, other := b.login(t, "alice", ""), b.login(t, "alice", "")

	for what, raw := range map[string]string{"unknown": "s3cret", "malformed": "cfr_s3cret", "forged": forged(one.AccessToken)} {
		revoke(what, "token", raw)
	}
	b.whose(t, one.AccessToken).want(t, "untouched", http.StatusOK, "")

	revoke("an access token, whatever the hint", "token", one.AccessToken, "token_type_hint", "refresh_token")
	e := b.awaitEvent(t, func(e session.Event) bool { return e.Kind == session.EventTokenRevoked })
	if e.UserID != "u-alice" || e.Actor != "u-alice" || e.Tenant != "default" || e.SessionID != one.SessionID || e.Scope != "token" ||
		e.Subject == "" || e.RevocationID == "" || e.Reason != "oauth2_revoke" || e.Device.ID != "d-1" || e.IP != "127.0.0.1" {
		t.Errorf("in the trail: %+v", e)
	}
	revoke("again", "token", one.AccessToken, "token_type_hint", "pigeon")
	b.whose(t, one.AccessToken).want(t, "the access token", http.StatusUnauthorized, "session_ended")
	a := b.post(t, "/oauth2/token", "", "grant_type", "refresh_token", "refresh_token", one.RefreshToken)
	a.want(t, "its session goes on", http.StatusOK, "")
	next := a.field(t, "access_token").(string)
	b.whose(t, next).want(t, "a new access token", http.StatusOK, "")

	revoke("a refresh token that was rotated away", "token", one.RefreshToken)
	revoke("again", "token", one.RefreshToken)
	b.whose(t, next).want(t, "the session", http.StatusUnauthorized, "session_ended")
	b.post(t, "/oauth2/token", "", "grant_type", "refresh_token", "refresh_token", a.field(t, "refresh_token").(string)).
		wantError(t, "its refresh token", http.StatusBadRequest, "invalid_grant")
	b.whose(t, other.AccessToken).want(t, "the user's other session", http.StatusOK, "")
	e = b.awaitEvent(t, func(e session.Event) bool { return e.Kind == session.EventLogout })
	if e.SessionID != one.SessionID || e.UserID != "u-alice" {
		t.Errorf("in the trail: %+v", e)
	}
}

// Redis may lose sessions, and their access tokens live on. Whatever is asked to end
// them does, or does not say so.
func TestEndsSessionsThatTheStoreHasLost(t *testing.T) {
	b := start(t, nil)
	edge := b.edge(t)
	b.awaitExpected(t)
	for what, end := range map[string]func(t *testing.T, g, other grant){
		"oauth2/revoke": func(t *testing.T, g, other grant) {
			b.post(t, "/oauth2/revoke", "", "token", g.RefreshToken).want(t, "revoke", http.StatusOK, "")
		},
		"logout": func(t *testing.T, g, other grant) {
			call{method: http.MethodPost, url: b.url + "/v1/logout", bearer: g.RefreshToken}.do(t).
				want(t, "logout", http.StatusUnauthorized, "session_ended")
		},
		"sessions": func(t *testing.T, g, other grant) {
			a := call{method: http.MethodDelete, url: b.url + "/v1/sessions?wait=confirmed&timeout=60s", bearer: other.AccessToken}.do(t)
			a.want(t, "end all", http.StatusOK, "")
			if receipts, _ := a.field(t, "receipts").([]any); a.field(t, "ended") != 1.0 || len(receipts) != 1 {
				t.Errorf("not what the store shows: %s", a.body)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			g, other := b.login(t, "alice", ""), b.login(t, "alice", "")
			whoami(t, edge, g).want(t, "before", http.StatusOK, "")
			b.forget(t, g.SessionID)
			whoami(t, edge, g).want(t, "lost", http.StatusOK, "")
			end(t, g, other)
			awaitRefused(t, edge, g, "token_revoked")
			b.login(t, "alice", "")
			if what == "sessions" {
				awaitRefused(t, edge, other, "token_revoked")
			} else {
				call{method: http.MethodDelete, url: b.url + "/v1/sessions", bearer: other.AccessToken}.do(t)
			}
		})
	}
}

// 200 means committed: what is pending is answered 503, also when repeated,
// until the log has it.
func TestOAuthRevokePending(t *testing.T) {
	b := start(t, nil)
	one, two, three := b.login(t, "alice", ""), b.login(t, "bob", ""), b.login(t, "bob", "")
	unavailable := func(what, raw string) {
		t.Helper()
		a := b.post(t, "/oauth2/revoke", "", "token", raw)
		if a.wantError(t, what, http.StatusServiceUnavailable, "temporarily_unavailable"); a.header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", what)
		}
	}
	b.nats.Stop()
	unavailable("a refresh token without the log", one.RefreshToken)
	unavailable("again", one.RefreshToken)
	unavailable("an access token without the log", two.AccessToken)
	b.nats.Restart()
	for what, raw := range map[string]string{"refresh": one.RefreshToken, "access": two.AccessToken} {
		testenv.Eventually(t, patience, func() error {
			if a := b.post(t, "/oauth2/revoke", "", "token", raw); a.status != http.StatusOK {
				return errStatus(a.status)
			}
			return nil
		})
		if t.Failed() {
			t.Fatal(what)
		}
	}
	b.whose(t, one.AccessToken).want(t, "the session", http.StatusUnauthorized, "session_ended")
	b.whose(t, two.AccessToken).want(t, "the token", http.StatusUnauthorized, "session_ended")

	b.nats.Stop()
	b.store.Close()
	unavailable("a refresh token without anything", three.RefreshToken)
	unavailable("an access token without anything", three.AccessToken)
	b.post(t, "/oauth2/revoke", "", "token", "s3cret").want(t, "an unknown token", http.StatusOK, "")
	b.post(t, "/oauth2/token", "", "grant_type", "refresh_token", "refresh_token", three.RefreshToken).
		wantError(t, "a refresh", http.StatusServiceUnavailable, "temporarily_unavailable")
	b.post(t, "/oauth2/introspect", b.admin, "token", three.AccessToken).
		wantError(t, "introspection", http.StatusServiceUnavailable, "temporarily_unavailable")
	b.post(t, "/oauth2/introspect", b.admin, "token", three.RefreshToken).
		wantError(t, "introspection of a refresh token", http.StatusServiceUnavailable, "temporarily_unavailable")
}
