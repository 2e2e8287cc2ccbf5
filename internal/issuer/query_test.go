package issuer_test

import "testing"

// A parameter that a call does not take would be passed over, and more be done
// or shown than was meant: it is refused, and nothing has changed.
func TestUnknownParameters(t *testing.T) {
	b := start(t, withAdmins)
	g := b.login(t, "alice", "")
	const all = `{"scope":"all"}`
	for _, c := range []call{
		{url: "/admin/v1/revocations?dry_run=true", bearer: b.admin, body: all},
		{url: "/admin/v1/revocations?tenant=acme", bearer: b.admin, body: `{"scope":"user","id":"u-alice"}`},
		{url: "/admin/v1/revocations?wiat=confirmed", bearer: b.admin, body: all},
		{url: "/admin/v1/revocations?wait=confirmed&wait=commit", bearer: b.admin, body: all},
		{url: "/admin/v1/revocations?wait=confirmed;timeout=1s", bearer: b.admin, body: all},
		{url: "/admin/v1/revocations?tenat=acme", bearer: reader},
		{url: "/admin/v1/revocations?scope=user&scope=session", bearer: reader},
		{url: "/admin/v1/users/u-alice/sessions?tenat=acme", bearer: reader},
		{url: "/v1/sessions?kep=current", bearer: g.AccessToken, method: "DELETE"},
		{url: "/v1/sessions?keep=current&keep=", bearer: g.AccessToken, method: "DELETE"},
	} {
		b.as(t, c, 400, "bad_request")
	}
	b.wantSessions(t, 1, `"scope":"all"`)
	a, _ := b.exchange(t, g)
	a.want(t, "nothing has ended", 200, "")
}
