package issuer_test

import (
	"crypto/rand"
	"net/http"
	"testing"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/port"
)

// Tokens of named admins.
var reader, ender, tenantAdmin = rand.Text() + rand.Text(), rand.Text() + rand.Text(), rand.Text() + rand.Text()

func withAdmins(cfg *config.Issuer) {
	cfg.AdminRole = "boss"
	cfg.Admins = []config.Admin{
		{Name: "reader", TokenSHA256: config.HashToken(reader), Roles: []string{"read"}},
		{Name: "ender", TokenSHA256: config.HashToken(ender), Roles: []string{"revoke"}},
		{Name: "acme-ops", TokenSHA256: config.HashToken(tenantAdmin), Roles: []string{"all"}, Tenant: "acme"},
	}
}

func TestAdminIdentity(t *testing.T) {
	b := start(t, withAdmins)
	alice, bob, carol := b.login(t, "alice", ""), b.login(t, "bob", ""), b.login(t, "carol", "acme")
	list := func(user, tenant string) call {
		return call{url: b.url + "/admin/v1/users/" + user + "/sessions?tenant=" + tenant}
	}
	end := func(scope, id string) call {
		return call{url: b.url + "/admin/v1/revocations", body: `{"scope":"` + scope + `","id":"` + id + `"}`}
	}
	unlock := func(body string) call { return call{url: b.url + "/admin/v1/unlocks", body: body} }
	for _, r := range []struct {
		name, bearer string
		call         call
		status       int
		code         string
	}{
		{"nobody", "", list("u-alice", "default"), 401, "unauthorized"},
		{"a stranger", rand.Text(), list("u-alice", "default"), 401, "unauthorized"},
		{"the hash instead of the token", config.HashToken(reader), list("u-alice", "default"), 401, "unauthorized"},
		{"the admin token", b.admin, list("u-carol", "acme"), 200, ""},
		{"reader reads", reader, list("u-alice", "default"), 200, ""},
		{"reader ends", reader, end("session", bob.SessionID), 403, "forbidden"},
		{"ender reads", ender, list("u-alice", "default"), 403, "forbidden"},
		{"tenant's admin reads", tenantAdmin, list("u-carol", "acme"), 200, ""},
		{"tenant's admin reads another's", tenantAdmin, list("u-alice", "default"), 403, "forbidden"},
		{"tenant's admin reads without a tenant", tenantAdmin, list("u-alice", ""), 403, "forbidden"},
		{"tenant's admin ends another's", tenantAdmin, end("session", bob.SessionID), 403, "forbidden"},
		{"tenant's admin ends what is not there", tenantAdmin, end("session", "nothing"), 403, "forbidden"},
		{"tenant's admin ends a token", tenantAdmin, end("token", "some-jti"), 403, "forbidden"},
		{"tenant's admin unlocks the tenant's", tenantAdmin, unlock(`{"username":"carol","tenant":"acme"}`), 200, ""},
		{"tenant's admin unlocks another's", tenantAdmin, unlock(`{"username":"alice"}`), 403, "forbidden"},
		{"tenant's admin unlocks an address", tenantAdmin, unlock(`{"ip":"192.0.2.1","username":"carol","tenant":"acme"}`), 403, "forbidden"},
		{"reader unlocks", reader, unlock(`{"username":"carol","tenant":"acme"}`), 403, "forbidden"},
		{"reader lists keys", reader, call{url: b.url + "/admin/v1/keys"}, 200, ""},
		{"tenant's admin lists keys", tenantAdmin, call{url: b.url + "/admin/v1/keys"}, 403, "forbidden"},
		{"reader lists edges", reader, call{url: b.url + "/admin/v1/edges"}, 200, ""},
		{"ender lists edges", ender, call{url: b.url + "/admin/v1/edges"}, 403, "forbidden"},
		{"tenant's admin lists edges", tenantAdmin, call{url: b.url + "/admin/v1/edges"}, 403, "forbidden"},
		{"tenant's admin rotates keys", tenantAdmin, call{method: "POST", url: b.url + "/admin/v1/keys/rotate"}, 403, "forbidden"},
		{"ender rotates keys", ender, call{method: "POST", url: b.url + "/admin/v1/keys/rotate"}, 403, "forbidden"},
		{"user with the role", alice.AccessToken, list("u-bob", "default"), 200, ""},
		{"user with the role, elsewhere", alice.AccessToken, list("u-carol", "acme"), 403, "forbidden"},
		{"user without the role", bob.AccessToken, list("u-bob", "default"), 403, "forbidden"},
		{"a refresh token", alice.RefreshToken, list("u-bob", "default"), 401, "unauthorized"},
	} {
		r.call.bearer = r.bearer
		r.call.do(t).want(t, r.name, r.status, r.code)
	}
	cookie := list("u-bob", "default")
	cookie.header = http.Header{"Cookie": {"__Host-curfew-access=" + alice.AccessToken}}
	cookie.do(t).want(t, "a cookie", 401, "unauthorized")

	ended := end("session", carol.SessionID)
	ended.bearer = tenantAdmin
	ended.do(t).want(t, "tenant's admin ends the tenant's", 200, "")
	e := b.awaitEvent(t, func(e session.Event) bool { return e.Kind == session.EventAdmin && e.Action == "revoke" })
	if e.Actor != "acme-ops" || e.Scope != "session" || e.Subject != carol.SessionID || e.Tenant != "acme" || e.IP == "" || e.RevocationID == "" || e.ID == "" {
		t.Errorf("in the trail: %+v", e)
	}
	refused := b.awaitEvent(t, func(e session.Event) bool { return e.Action == "refused" && e.Actor == "acme-ops" })
	if refused.Kind != session.EventAdmin || refused.Reason == "" {
		t.Errorf("in the trail: %+v", refused)
	}
	logout := call{method: "POST", url: b.url + "/v1/logout", bearer: alice.AccessToken}
	logout.do(t).want(t, "logout", 200, "")
	again := list("u-bob", "default")
	again.bearer = alice.AccessToken
	again.do(t).want(t, "an admin who has logged out", 401, "session_ended")
}

// A user's token opens no admin call unless a role is configured.
func TestNoAdminRole(t *testing.T) {
	b := start(t, nil)
	g := b.login(t, "alice", "")
	call{url: b.url + "/admin/v1/users/u-alice/sessions", bearer: g.AccessToken}.do(t).want(t, "a user", 401, "unauthorized")
}

// With a listener of their own, admin calls exist only there.
func TestAdminListener(t *testing.T) {
	free, err := port.FreeN(1)
	testenv.Must(t, err)
	b := start(t, func(cfg *config.Issuer) { cfg.AdminListen = port.Loopback(free[0]) })
	const path = "/admin/v1/users/u-alice/sessions"
	call{url: b.url + path, bearer: b.admin}.do(t).want(t, "on the public listener", 404, "not_found")
	call{url: b.adminURL + path, bearer: b.admin}.do(t).want(t, "on the admin listener", 200, "")
	call{url: b.adminURL + "/v1/login", body: "{}"}.do(t).want(t, "a login on the admin listener", 404, "not_found")
	call{url: b.adminURL + "/readyz"}.do(t).want(t, "readyz", 200, "")
	b.login(t, "alice", "")
}
