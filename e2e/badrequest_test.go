package e2e_test

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// A refusal is a call and what the contract says it gets.
type refusal struct {
	name string
	call
	status int
	code   string
}

func (c *cluster) mustRefuseAll(t *testing.T, table []refusal) {
	for _, r := range table {
		t.Run(r.name, func(t *testing.T) { c.insist(t, r.call).mustRefuse(t, r.status, r.code) })
	}
}

// refuseBadRequests sends what nobody should; afterwards nothing has changed.
func refuseBadRequests(t *testing.T, c *cluster) {
	good := c.login(t, c.issuers[0], "bob")
	before := c.ownSessions(t, c.issuers[0], good, "bob")
	wrong := rand.Text()
	c.secrets.remember("a wrong password", wrong)
	c.mustRefuseAll(t, badBodies(c, wrong))
	c.mustRefuseAll(t, badRefreshes(c, good))
	c.mustRefuseAll(t, badSessionCalls(c, good))
	c.mustRefuseAll(t, badAdminCalls(c, good))
	c.mustRefuseAll(t, badRoutes(c, good))

	c.mustAccept(t, good)
	if after := c.ownSessions(t, c.issuers[1], good, "bob"); !slices.Equal(before, after) {
		t.Errorf("bob's sessions were %v and are %v", before, after)
	}
	c.mustAccept(t, c.refresh(t, c.issuers[1], good.RefreshToken, "bob"))
}

const (
	bad        = http.StatusBadRequest
	unauth     = http.StatusUnauthorized
	tooLarge   = http.StatusRequestEntityTooLarge
	wrongMedia = http.StatusUnsupportedMediaType
)

// badBodies are logins that are not even tried. All hold a right password.
func badBodies(c *cluster, wrong string) []refusal {
	pw := c.passwords["bob"]
	good := `{"username":"bob","password":"` + pw + `"}`
	login := func(body string, header ...string) call {
		h := http.Header{}
		for pair := range slices.Chunk(header, 2) {
			h[pair[0]] = pair[1:]
		}
		return call{method: http.MethodPost, url: c.issuers[0].url + "/v1/login", body: body, header: h}
	}
	return []refusal{
		{"malformed", login(good[:len(good)-1]), bad, "bad_request"},
		{"empty", login("", "Content-Type", "application/json"), bad, "bad_request"},
		{"twice", login(good + good), bad, "bad_request"},
		{"array", login("[" + good + "]"), bad, "bad_request"},
		{"null", login("null"), bad, "bad_request"},
		{"not UTF-8", login(strings.Replace(good, "bob", "b\xffb", 1)), bad, "bad_request"},
		{"deep", login(strings.Repeat("[", 5000) + strings.Repeat("]", 5000)), bad, "bad_request"},
		{"huge", login(strings.Replace(good, "{", "{"+strings.Repeat(" ", 70<<10), 1)), tooLarge, "payload_too_large"},
		{"huge string", login(`{"username":"` + strings.Repeat("b", 1<<20) + `"}`), tooLarge, "payload_too_large"},
		{"unknown field", login(strings.Replace(good, "{", `{"admin":true,`, 1)), bad, "bad_request"},
		{"field in another case", login(strings.Replace(good, "username", "Username", 1)), bad, "bad_request"},
		{"duplicate field", login(strings.Replace(good, "{", `{"username":"alice",`, 1)), bad, "bad_request"},
		{"unknown field inside", login(strings.Replace(good, "{", `{"device":{"king":"cli"},`, 1)), bad, "bad_request"},
		{"number for a string", login(`{"username":1,"password":"` + pw + `"}`), bad, "bad_request"},
		{"no password", login(`{"username":"bob"}`), bad, "bad_request"},
		{"no username", login(`{"password":"` + pw + `"}`), bad, "bad_request"},
		{"unknown kind of device", login(strings.Replace(good, "{", `{"device":{"kind":"toaster"},`, 1)), bad, "bad_request"},
		{"text", login(good, "Content-Type", "text/plain"), wrongMedia, "unsupported_media_type"},
		{"form", login("username=bob&password="+pw, "Content-Type", "application/x-www-form-urlencoded"), wrongMedia, "unsupported_media_type"},
		{"no content type", login(good, "Content-Type", ""), wrongMedia, "unsupported_media_type"},
		{"another charset", login(good, "Content-Type", "application/json; charset=latin1"), wrongMedia, "unsupported_media_type"},
		{"compressed", login(good, "Content-Encoding", "gzip"), wrongMedia, "unsupported_media_type"},
		{"wrong password", login(`{"username":"bob","password":"` + wrong + `"}`), unauth, "invalid_credentials"},
		{"unknown user", login(`{"username":"mallory","password":"` + wrong + `"}`), unauth, "invalid_credentials"},
		{"another tenant", login(strings.Replace(good, "{", `{"tenant":"acme",`, 1)), unauth, "invalid_credentials"},
	}
}

func badRefreshes(c *cluster, good grant) []refusal {
	stranger := make([]byte, 64)
	rand.Read(stranger)
	raw, _ := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(good.RefreshToken, "cfr_"))
	forged := slices.Concat(raw[:16], stranger[:48]) // the session is known to many, the rest is not
	token := func(raw []byte) string { return "cfr_" + base64.RawURLEncoding.EncodeToString(raw) }
	of := func(token string) call { return refreshCall(c.issuers[1], token) }
	return []refusal{
		{"refresh: unknown field", call{url: of("").url, body: `{"token":"` + good.RefreshToken + `"}`}, bad, "bad_request"},
		{"refresh: no token", call{url: of("").url, body: `{}`}, bad, "bad_request"},
		{"refresh: nothing", call{method: http.MethodPost, url: of("").url}, bad, "bad_request"},
		{"refresh: text", call{url: of("").url, body: good.RefreshToken, header: http.Header{"Content-Type": {"text/plain"}}}, wrongMedia, "unsupported_media_type"},
		{"refresh: nonsense", of("nonsense"), unauth, "refresh_invalid"},
		{"refresh: cut", of(good.RefreshToken[:len(good.RefreshToken)-1]), unauth, "refresh_invalid"},
		{"refresh: longer", of(good.RefreshToken + "A"), unauth, "refresh_invalid"},
		{"refresh: guessed for a known session", of(token(forged)), unauth, "refresh_invalid"},
		{"refresh: of no session", of(token(stranger)), unauth, "session_ended"},
		{"refresh: an access token", of(good.AccessToken), unauth, "refresh_invalid"},
		{"refresh: the admin token", of(c.admin), unauth, "refresh_invalid"},
		{"logout: guessed for a known session", call{url: c.issuers[0].url + "/v1/logout", body: toJSON(map[string]string{"refresh_token": token(forged)})}, unauth, "refresh_invalid"},
		{"logout: as bearer, guessed", call{method: http.MethodPost, url: c.issuers[0].url + "/v1/logout", bearer: token(forged)}, unauth, "refresh_invalid"},
		{"logout: no token", call{method: http.MethodPost, url: c.issuers[0].url + "/v1/logout"}, unauth, "unauthorized"},
		{"logout: nonsense", call{method: http.MethodPost, url: c.issuers[0].url + "/v1/logout", bearer: "nonsense"}, unauth, "unauthorized"},
		{"logout: the admin token", call{method: http.MethodPost, url: c.issuers[0].url + "/v1/logout", bearer: c.admin}, unauth, "unauthorized"},
	}
}
