package issuer_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// post sends a form. Every answer of these calls must stay out of caches.
func (b *bench) post(t *testing.T, path, bearer string, pairs ...string) answer {
	t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	a := call{
		method: http.MethodPost, url: b.adminURL + path, bearer: bearer, body: form.Encode(),
		header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
	}.do(t)
	if a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: Cache-Control %q", path, a.header.Get("Cache-Control"))
	}
	return a
}

// wantError checks an error of RFC 6749 section 5.2, and that it repeats
// nothing of what was sent.
func (a answer) wantError(t *testing.T, what string, status int, code string) {
	t.Helper()
	a.want(t, what, status, "")
	if a.field(t, "error") != code || a.field(t, "error_description") == nil || a.header.Get("Content-Type") != "application/json" ||
		strings.ContainsAny(a.field(t, "error_description").(string), "\\\"") {
		t.Errorf("%s: got %d %s %s, want %s", what, a.status, a.header.Get("Content-Type"), a.body, code)
	}
	if strings.Contains(a.body, "s3cret") {
		t.Errorf("%s: repeated in %s", what, a.body)
	}
}

// open opens a session with a scope, which the users file does not give.
func (b *bench) open(t *testing.T, user, tenant, scope string) (g grant) {
	t.Helper()
	a := call{
		url: b.adminURL + "/admin/v1/sessions", bearer: b.admin,
		body: `{"user_id":"` + user + `","tenant":"` + tenant + `","roles":["user"],"scope":"` + scope + `","device":{"id":"d-1","kind":"cli"}}`,
	}.do(t)
	a.want(t, "open", http.StatusOK, "")
	testenv.Must(t, decode(a.body, &g))
	return g
}

func TestOAuthForms(t *testing.T) {
	b := start(t, nil)
	g := b.open(t, "u1", "", "")
	good := "grant_type=refresh_token&refresh_token=" + g.RefreshToken
	const kind = "application/x-www-form-urlencoded"
	for name, r := range map[string]struct{ kind, encoding, body string }{
		"JSON":              {"application/json", "", `{"refresh_token":"s3cret"}`},
		"no content type":   {"", "", good},
		"another charset":   {kind + "; charset=latin1", "", good},
		"compressed":        {kind, "gzip", good},
		"twice":             {kind, "", good + "&grant_type=refresh_token"},
		"unknown and twice": {kind, "", good + "&x=s3cret&x=s3cret"},
		"malformed":         {kind, "", good + "&x=%zzs3cret"},
		"semicolon":         {kind, "", good + ";x=s3cret"},
		"not UTF-8":         {kind, "", good + "&x=%ff"},
		"too large":         {kind, "", good + "&x=" + strings.Repeat("s3cret", 3000)},
		"empty":             {kind, "", "refresh_token=&grant_type="},
		"nothing":           {kind, "", ""},
	} {
		c := call{method: "POST", url: b.url + "/oauth2/token", body: r.body, header: http.Header{"Content-Type": {r.kind}}}
		if r.encoding != "" {
			c.header["Content-Encoding"] = []string{r.encoding}
		}
		c.do(t).wantError(t, name, http.StatusBadRequest, "invalid_request")
	}
	inURL := call{
		method: "POST", url: b.url + "/oauth2/token?" + good, body: "x=1", header: http.Header{"Content-Type": {kind}},
	}
	inURL.do(t).wantError(t, "in the URL", http.StatusBadRequest, "invalid_request")
	fine := call{
		method: "POST", url: b.url + "/oauth2/token", body: good + "&x=1&scope=",
		header: http.Header{"Content-Type": {kind + "; charset=UTF-8"}},
	}
	fine.do(t).want(t, "unknown ones are ignored, and empty ones", http.StatusOK, "")
}

func TestOAuthToken(t *testing.T) {
	b := start(t, nil)
	g := b.open(t, "u1", "", "read write")
	a := b.post(t, "/oauth2/token", "", "grant_type", "refresh_token", "refresh_token", g.RefreshToken, "client_id", "curfew")
	a.want(t, "refresh", http.StatusOK, "")
	if a.field(t, "token_type") != "Bearer" || a.field(t, "expires_in").(float64) <= 0 || a.field(t, "scope") != "read write" ||
		a.header.Get("Pragma") != "no-cache" {
		t.Errorf("got %v %s", a.header, a.body)
	}
	refresh := func(raw string, pairs ...string) answer {
		return b.post(t, "/oauth2/token", "", append([]string{"grant_type", "refresh_token", "refresh_token", raw}, pairs...)...)
	}
	second := a.field(t, "refresh_token").(string)
	for name, r := range map[string]struct {
		got  answer
		code string
	}{
		"another grant":   {b.post(t, "/oauth2/token", "", "grant_type", "password", "username", "alice", "password", password), "unsupported_grant_type"},
		"no grant":        {b.post(t, "/oauth2/token", "", "refresh_token", second), "invalid_request"},
		"no token":        {b.post(t, "/oauth2/token", "", "grant_type", "refresh_token"), "invalid_request"},
		"another client":  {refresh(second, "client_id", "other"), "invalid_client"},
		"not a token":     {refresh("cfr_s3cret"), "invalid_grant"},
		"an access token": {refresh(g.AccessToken), "invalid_grant"},
		"more scope":      {refresh(second, "scope", "read admin"), "invalid_scope"},
		"malformed scope": {refresh(second, "scope", "read  write"), "invalid_scope"},
		"part of a word":  {refresh(second, "scope", "rea"), "invalid_scope"},
	} {
		r.got.wantError(t, name, http.StatusBadRequest, r.code)
	}
	narrow := refresh(second, "scope", "read")
	narrow.want(t, "less scope", http.StatusOK, "")
	if claims := payload(t, narrow.field(t, "access_token").(string)); narrow.field(t, "scope") != "read" || claims["scope"] != "read" {
		t.Errorf("less scope: %s, %v", narrow.body, claims)
	}
	third := narrow.field(t, "refresh_token").(string)
	whole := refresh(third)
	if whole.field(t, "scope") != "read write" || third == second {
		t.Errorf("the session lost scope: %s", whole.body)
	}
	refresh(second).wantError(t, "reused", http.StatusBadRequest, "invalid_grant")
	refresh(whole.field(t, "refresh_token").(string)).wantError(t, "after that", http.StatusBadRequest, "invalid_grant")

	bare := b.open(t, "u1", "", "")
	refresh(bare.RefreshToken, "scope", "read").wantError(t, "scope of a session without", http.StatusBadRequest, "invalid_scope")
	without := refresh(bare.RefreshToken)
	if without.want(t, "no scope", http.StatusOK, ""); without.field(t, "scope") != nil {
		t.Errorf("no scope: %s", without.body)
	}
	for _, raw := range []string{g.RefreshToken, second, third, g.AccessToken} {
		if strings.Contains(b.logs.String(), raw) {
			t.Error("a token is in the log")
		}
	}
}
