package contract_test

import (
	"net/http"
	"testing"
)

const (
	waiting   = "?wait=confirmed&timeout=10s"
	noRefresh = `{"refresh_token":"cfr_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA"}`
)

// user is the life of sessions.
func (w *world) user(t *testing.T) {
	login := `{"username":"bob","password":"` + w.password + `","device":{"id":"d-1","kind":"web","name":"Firefox"}}`
	g := w.send(t, call{to: w.issuer, path: "/v1/login", body: login}, http.StatusOK).grant(t)
	g = w.send(t, call{to: w.issuer, path: "/v1/refresh", body: `{"refresh_token":"` + g.Refresh + `"}`}, http.StatusOK).grant(t)
	w.send(t, call{to: w.issuer, path: "/v1/sessions", bearer: g.Access}, http.StatusOK)
	other := w.open(t, "u-bob")
	w.send(t, call{to: w.issuer, path: "/v1/login", body: login}, http.StatusConflict)
	w.send(t, call{to: w.issuer, path: "/v1/sessions/" + other.Session, method: http.MethodDelete, bearer: g.Access}, http.StatusOK)
	w.open(t, "u-bob")
	w.send(t, call{to: w.issuer, path: "/v1/sessions" + waiting + "&keep=current", method: http.MethodDelete, bearer: g.Access}, http.StatusOK)
	w.send(t, call{to: w.issuer, path: "/v1/sessions/none", method: http.MethodDelete, bearer: g.Access}, http.StatusNotFound)
	w.send(t, call{to: w.issuer, path: "/v1/logout" + waiting, method: http.MethodPost, bearer: g.Access}, http.StatusOK)
	w.send(t, call{to: w.issuer, path: "/v1/sessions", bearer: g.Access}, http.StatusUnauthorized)
	w.send(t, call{to: w.issuer, path: "/v1/refresh", body: `{"refresh_token":"` + g.Refresh + `"}`}, http.StatusUnauthorized)
}

// cookies is what browsers do.
func (w *world) cookies(t *testing.T) {
	a := w.send(t, call{to: w.issuer, path: "/v1/login", body: `{"username":"bob","password":"` + w.password + `","cookies":true}`}, http.StatusOK)
	header := cookiesOf(a)
	a = w.send(t, call{to: w.issuer, path: "/v1/refresh", method: http.MethodPost, header: header}, http.StatusOK)
	header = cookiesOf(a)
	w.send(t, call{to: w.edge, path: "/v1/whoami", header: header}, http.StatusOK)
	w.send(t, call{to: w.issuer, path: "/v1/logout", method: http.MethodPost, header: header}, http.StatusOK)
	w.send(t, call{to: w.issuer, path: "/v1/refresh", method: http.MethodPost, header: header}, http.StatusUnauthorized)
}

// cookiesOf is the header with which a browser sends cookies back.
func cookiesOf(a answer) http.Header {
	req := http.Request{Header: http.Header{}}
	for _, cookie := range (&http.Response{Header: a.header}).Cookies() {
		req.AddCookie(cookie)
	}
	return req.Header
}

func (w *world) loginRefused(t *testing.T) {
	wrong := `{"username":"carol","password":"wrong"}`
	w.send(t, call{to: w.issuer, path: "/v1/login", body: wrong}, http.StatusUnauthorized)
	w.send(t, call{to: w.issuer, path: "/v1/login", body: wrong}, http.StatusUnauthorized)
	w.send(t, call{to: w.issuer, path: "/v1/login", body: wrong}, http.StatusTooManyRequests)
	w.send(t, call{to: w.issuer, path: "/admin/v1/unlocks", bearer: w.admin, body: `{"username":"carol"}`}, http.StatusOK)
	w.send(t, call{to: w.issuer, path: "/v1/logout", body: noRefresh}, http.StatusUnauthorized)
}

func (w *world) oauth(t *testing.T) {
	g := w.open(t, "u-dave")
	ask := func(path, body string, status int) answer {
		return w.send(t, call{to: w.issuer, path: path, body: body, header: form()}, status)
	}
	introspect := func(raw string) {
		w.send(t, call{to: w.issuer, path: "/oauth2/introspect", bearer: w.reader, body: "token=" + raw, header: form()}, http.StatusOK)
	}
	introspect(g.Access)
	introspect(g.Refresh)
	g = ask("/oauth2/token", "grant_type=refresh_token&refresh_token="+g.Refresh, http.StatusOK).grant(t)
	ask("/oauth2/revoke", "token="+g.Access, http.StatusOK)
	ask("/oauth2/revoke", "token="+g.Refresh, http.StatusOK)
	ask("/oauth2/token", "grant_type=refresh_token&refresh_token="+g.Refresh, http.StatusBadRequest)
	introspect(g.Refresh)
}
