package e2e_test

import (
	"net/http"
	"strings"
)

func badSessionCalls(c *cluster, good grant) []refusal {
	url := c.issuers[0].url + "/v1/sessions"
	end := func(rest, bearer string) call {
		return call{method: http.MethodDelete, url: url + rest, bearer: bearer}
	}
	return []refusal{
		{"sessions: no token", call{url: url}, unauth, "unauthorized"},
		{"sessions: a refresh token", call{url: url, bearer: good.RefreshToken}, unauth, "unauthorized"},
		{"sessions: the admin token", call{url: url, bearer: c.admin}, unauth, "unauthorized"},
		{"end: no token", end("/"+good.SessionID, ""), unauth, "unauthorized"},
		{"end: unknown", end("/00000000-0000-0000-0000-000000000000", good.AccessToken), http.StatusNotFound, "not_found"},
		{"end: a refresh token", end("/"+good.SessionID, good.RefreshToken), unauth, "unauthorized"},
		{"end all: keep what?", end("?keep=others", good.AccessToken), bad, "bad_request"},
		{"end all: wait for what?", end("?wait=ever", good.AccessToken), bad, "bad_request"},
	}
}

func badAdminCalls(c *cluster, good grant) []refusal {
	url := c.issuers[1].url + "/admin/v1/revocations"
	body := toJSON(map[string]string{"scope": "session", "id": good.SessionID})
	revoke := func(body, bearer string) call { return call{url: url, body: body, bearer: bearer} }
	return []refusal{
		{"admin: no token", revoke(body, ""), unauth, "unauthorized"},
		{"admin: a wrong token", revoke(body, strings.Repeat("A", len(c.admin))), unauth, "unauthorized"},
		{"admin: half the token", revoke(body, c.admin[:len(c.admin)/2]), unauth, "unauthorized"},
		{"admin: a longer token", revoke(body, c.admin+"A"), unauth, "unauthorized"},
		{"admin: another scheme", call{url: url, body: body, header: http.Header{"Authorization": {"Basic " + c.admin}}}, unauth, "unauthorized"},
		{"admin: an access token", revoke(body, good.AccessToken), unauth, "unauthorized"},
		{"admin: a refresh token", revoke(body, good.RefreshToken), unauth, "unauthorized"},
		{"admin: read without a token", call{url: c.issuers[0].url + "/admin/v1/users/id-bob/sessions"}, unauth, "unauthorized"},
		{"admin: unknown scope", revoke(strings.Replace(body, "session", "galaxy", 1), c.admin), bad, "bad_request"},
		{"admin: no scope", revoke(`{"id":"x"}`, c.admin), bad, "bad_request"},
		{"admin: no id", revoke(`{"scope":"session"}`, c.admin), bad, "bad_request"},
		{"admin: endless id", revoke(`{"scope":"session","id":"`+strings.Repeat("x", 600)+`"}`, c.admin), bad, "bad_request"},
		{"admin: unknown field", revoke(strings.Replace(body, "{", `{"all":true,`, 1), c.admin), bad, "bad_request"},
		{"admin: malformed", revoke(body[1:], c.admin), bad, "bad_request"},
		{"admin: unknown path", call{url: c.issuers[0].url + "/admin/v1/nothing", bearer: c.admin}, http.StatusNotFound, "not_found"},
	}
}

// badRoutes: an edge without upstream, and issuers, know their paths and which
// methods they take.
func badRoutes(c *cluster, good grant) []refusal {
	issuer, edge := c.issuers[0].url, c.edges[0].url
	const missing, method = http.StatusNotFound, http.StatusMethodNotAllowed
	return []refusal{
		{"issuer: unknown path", call{url: issuer + "/v1/nothing"}, missing, "not_found"},
		{"issuer: a slash more", call{method: http.MethodPost, url: issuer + "/v1/login/"}, missing, "not_found"},
		{"issuer: another case", call{method: http.MethodPost, url: issuer + "/V1/Login"}, missing, "not_found"},
		{"edge: unknown path", call{url: edge + "/v1/nothing", bearer: good.AccessToken}, missing, "not_found"},
		{"edge: no login here", call{url: edge + "/v1/login", body: "{}"}, missing, "not_found"},
		{"issuer: GET login", call{url: issuer + "/v1/login"}, method, "method_not_allowed"},
		{"issuer: PUT refresh", call{method: http.MethodPut, url: issuer + "/v1/refresh"}, method, "method_not_allowed"},
		{"issuer: POST keys", call{method: http.MethodPost, url: issuer + "/.well-known/jwks.json"}, method, "method_not_allowed"},
		{"issuer: PATCH sessions", call{method: http.MethodPatch, url: issuer + "/v1/sessions"}, method, "method_not_allowed"},
		{"issuer: unknown method", call{method: "BREW", url: issuer + "/v1/login"}, method, "method_not_allowed"},
		{"edge: POST whoami", call{method: http.MethodPost, url: edge + "/v1/whoami", bearer: good.AccessToken}, method, "method_not_allowed"},
		{"edge: DELETE statusz", call{method: http.MethodDelete, url: edge + "/statusz"}, method, "method_not_allowed"},
		{"edge: huge header", call{url: edge + "/v1/whoami", header: http.Header{"X-Big": {strings.Repeat("a", 64<<10)}}}, http.StatusRequestHeaderFieldsTooLarge, "headers_too_large"},
	}
}
