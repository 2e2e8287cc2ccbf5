package contract_test

import (
	"net/http"
	"strings"
	"testing"
)

// lost asks issuers that lack their servers. Without the log a revocation is
// pending; without both nothing is claimed.
func (w *world) lost(t *testing.T) {
	login := `{"username":"heidi","password":"` + w.password + `"}`
	g := w.send(t, call{to: w.issuer, path: "/v1/login", body: login}, http.StatusOK).grant(t)
	w.unavailable(t, g)
	other := w.open(t, "u-heidi")
	w.send(t, call{to: w.logless, path: "/v1/sessions/" + other.Session, method: http.MethodDelete, bearer: g.Access}, http.StatusAccepted)
	w.open(t, "u-heidi")
	w.send(t, call{to: w.logless, path: "/v1/sessions?keep=current", method: http.MethodDelete, bearer: g.Access}, http.StatusAccepted)
	w.send(t, call{to: w.logless, path: "/v1/logout", method: http.MethodPost, bearer: g.Access}, http.StatusAccepted)
	w.revoke(t, w.logless, "", `{"scope":"session","id":"s-1"}`, http.StatusAccepted)
	w.send(t, call{to: w.logless, path: "/admin/v1/audit", bearer: w.reader}, http.StatusServiceUnavailable)
	w.send(t, call{to: w.logless, path: "/admin/v1/events", bearer: w.reader}, http.StatusServiceUnavailable)
}

func (w *world) unavailable(t *testing.T, g grant) {
	for _, c := range []call{
		{path: "/v1/login", body: `{"username":"heidi","password":"` + w.password + `"}`},
		{path: "/v1/refresh", body: `{"refresh_token":"` + g.Refresh + `"}`},
		{path: "/v1/logout", method: http.MethodPost, bearer: g.Access},
		{path: "/v1/sessions", bearer: g.Access},
		{path: "/v1/sessions", method: http.MethodDelete, bearer: g.Access},
		{path: "/v1/sessions/x", method: http.MethodDelete, bearer: g.Access},
		{path: "/oauth2/token", body: "grant_type=refresh_token&refresh_token=" + g.Refresh, header: form()},
		{path: "/oauth2/revoke", body: "token=" + g.Refresh, header: form()},
		{path: "/oauth2/introspect", body: "token=" + g.Access, bearer: w.reader, header: form()},
		{path: "/admin/v1/revocations", bearer: w.admin, body: `{"scope":"user","id":"u-heidi"}`},
		{path: "/admin/v1/revocations", bearer: w.reader},
		{path: "/admin/v1/users/u-heidi/sessions", bearer: w.reader},
		{path: "/admin/v1/sessions", bearer: w.admin, body: `{"user_id":"u-heidi"}`},
		// Whether an admin who is a user still is one cannot be known.
		{path: "/admin/v1/edges", bearer: g.Access},
		{path: "/admin/v1/keys", bearer: g.Access},
		{path: "/admin/v1/keys/rotate", bearer: g.Access, body: "{}"},
		{path: "/admin/v1/unlocks", bearer: w.admin, body: `{"username":"heidi"}`},
	} {
		c.to = w.lonely
		w.send(t, c, http.StatusServiceUnavailable)
	}
}

func (w *world) whoami(t *testing.T) {
	g := w.open(t, "u-ivan")
	w.send(t, call{to: w.edge, path: "/v1/whoami", bearer: g.Access}, http.StatusOK)
	w.send(t, call{to: w.edge, path: "/v1/whoami", bad: true}, http.StatusUnauthorized)
	w.send(t, call{to: w.blind, path: "/v1/whoami", bearer: g.Access}, http.StatusServiceUnavailable)
}

// doors asks the doors with every method.
func (w *world) doors(t *testing.T) {
	g := w.open(t, "u-judy")
	for _, op := range w.edges.operations() {
		if !strings.HasPrefix(op.path, "/authz/") {
			continue
		}
		c := call{to: w.edge, method: op.method, path: at(op.path), bearer: g.Access}
		w.send(t, c, http.StatusOK)
		c.to = w.blind
		unknown := http.StatusServiceUnavailable
		if op.responses["503"] == nil {
			unknown = http.StatusForbidden
		}
		w.send(t, c, unknown)
		c.to, c.bearer, c.bad = w.edge, "", true
		w.send(t, c, http.StatusUnauthorized)
		c.header = crossSite("__Host-curfew-access=" + g.Access)
		c.header.Set("X-Forwarded-Method", http.MethodPost)
		w.send(t, c, http.StatusForbidden)
	}
}
