package issuer_test

import (
	"net/http"
	"reflect"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
)

const inactive = `{"active":false}`

func TestOAuthIntrospect(t *testing.T) {
	b := start(t, withAdmins)
	g, carol := b.open(t, "u1", "", "read write"), b.login(t, "carol", "acme")
	inspect := func(bearer, raw string) answer {
		t.Helper()
		return b.post(t, "/oauth2/introspect", bearer, "token", raw, "token_type_hint", "pigeon")
	}
	for name, r := range map[string]struct {
		bearer, code string
		status       int
	}{
		"nobody": {"", "unauthorized", 401}, "a stranger": {"s3cret", "unauthorized", 401},
		"without the role": {ender, "forbidden", 403}, "a user": {g.AccessToken, "forbidden", 403},
	} {
		inspect(r.bearer, g.AccessToken).want(t, name, r.status, r.code)
	}
	b.post(t, "/oauth2/introspect", reader).wantError(t, "no token", http.StatusBadRequest, "invalid_request")

	claims := payload(t, g.AccessToken)
	access := inspect(reader, g.AccessToken)
	access.same(t, "access token", map[string]any{
		"active": true, "token_type": "Bearer", "iss": b.url, "sub": "u1", "aud": []any{"curfew"}, "client_id": "curfew",
		"scope": "read write", "exp": claims["exp"], "iat": claims["iat"], "jti": claims["jti"],
		"sid": g.SessionID, "tid": "default", "roles": []any{"user"},
	})
	refresh := inspect(reader, g.RefreshToken)
	refresh.same(t, "refresh token", map[string]any{
		"active": true, "token_type": "refresh_token", "iss": b.url, "sub": "u1", "client_id": "curfew", "scope": "read write",
		"exp": refresh.field(t, "exp"), "sid": g.SessionID, "tid": "default", "roles": []any{"user"},
	})
	if end, _ := refresh.field(t, "exp").(float64); end <= claims["exp"].(float64) {
		t.Errorf("the refresh token ends at %v, the access token at %v", end, claims["exp"])
	}
	b.wantInactive(t, map[string][2]string{
		"unknown": {reader, "s3cret"}, "forged": {reader, forged(g.AccessToken)}, "malformed": {reader, "cfr_s3cret"},
		"another tenant's": {tenantAdmin, g.AccessToken}, "another tenant's refresh token": {tenantAdmin, g.RefreshToken},
	})
	if a := inspect(tenantAdmin, carol.AccessToken); a.field(t, "active") != true {
		t.Errorf("the tenant's own: %s", a.body)
	}

	next := b.post(t, "/oauth2/token", "", "grant_type", "refresh_token", "refresh_token", g.RefreshToken)
	successor := next.field(t, "refresh_token").(string)
	b.wantInactive(t, map[string][2]string{"rotated away": {reader, g.RefreshToken}})
	if inspect(reader, successor).field(t, "active") != true {
		t.Error("to be asked about a used token ended the session")
	}
	b.post(t, "/oauth2/revoke", "", "token", g.AccessToken).want(t, "revoke", http.StatusOK, "")
	b.wantInactive(t, map[string][2]string{"revoked": {reader, g.AccessToken}})
	b.post(t, "/oauth2/revoke", "", "token", successor).want(t, "revoke", http.StatusOK, "")
	b.wantInactive(t, map[string][2]string{
		"ended": {reader, next.field(t, "access_token").(string)}, "ended, refresh token": {reader, successor},
	})
}

// A session that is gone without a revocation leaves no active token behind.
func TestOAuthIntrospectLostSession(t *testing.T) {
	b := start(t, nil)
	g := b.login(t, "alice", "")
	b.forget(t, g.SessionID)
	b.wantInactive(t, map[string][2]string{"access": {b.admin, g.AccessToken}, "refresh": {b.admin, g.RefreshToken}})
}

// wantInactive asks who about what, by name.
func (b *bench) wantInactive(t *testing.T, asked map[string][2]string) {
	t.Helper()
	for name, q := range asked {
		a := b.post(t, "/oauth2/introspect", q[0], "token", q[1])
		if a.want(t, name, http.StatusOK, ""); a.body != inactive {
			t.Errorf("%s: %s", name, a.body)
		}
	}
}

// same wants exactly these members.
func (a answer) same(t *testing.T, what string, want map[string]any) {
	t.Helper()
	var got map[string]any
	testenv.Must(t, decode(a.body, &got))
	if a.status != http.StatusOK || !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %d, got %v, want %v", what, a.status, got, want)
	}
}
