package issuer_test

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/curfew-auth/curfew/internal/config"
)

// A backend may open sessions, but not hand out more than it may do itself.
func TestOpenSession(t *testing.T) {
	backend := rand.Text() + rand.Text()
	b := start(t, func(cfg *config.Issuer) {
		withAdmins(cfg)
		cfg.Admins = append(cfg.Admins, config.Admin{Name: "backend", TokenSHA256: config.HashToken(backend), Roles: []string{"sessions"}})
	})
	open := func(body string) call { return call{url: b.url + "/admin/v1/sessions", body: body} }
	for _, r := range []struct {
		name, bearer string
		call         call
		status       int
		code         string
	}{
		{"nobody", "", open(`{"user_id":"u1"}`), 401, "unauthorized"},
		{"reader", reader, open(`{"user_id":"u1"}`), 403, "forbidden"},
		{"backend", backend, open(`{"user_id":"u1","roles":["user"],"scope":"read","device":{"kind":"web"},"ip":"192.0.2.7"}`), 200, ""},
		{"backend makes a boss", backend, open(`{"user_id":"u1","roles":["user","boss"]}`), 403, "forbidden"},
		{"admin makes a boss", b.admin, open(`{"user_id":"u1","roles":["boss"]}`), 200, ""},
		{"tenant's admin", tenantAdmin, open(`{"user_id":"u1","tenant":"acme"}`), 200, ""},
		{"tenant's admin elsewhere", tenantAdmin, open(`{"user_id":"u1"}`), 403, "forbidden"},
		{"no user", backend, open(`{}`), 400, "bad_request"},
		{"unknown field", backend, open(`{"user_id":"u1","password":"x"}`), 400, "bad_request"},
		{"bad scope", backend, open(`{"user_id":"u1","scope":"a  b"}`), 400, "bad_request"},
		{"bad device", backend, open(`{"user_id":"u1","device":{"kind":"toaster"}}`), 400, "bad_request"},
		{"bad address", backend, open(`{"user_id":"u1","ip":"here"}`), 400, "bad_request"},
	} {
		r.call.bearer = r.bearer
		r.call.do(t).want(t, r.name, r.status, r.code)
	}
}

// Without a users file the webhook decides, and its no counts.
func TestLoginByWebhook(t *testing.T) {
	webhook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ Username, Password, Tenant, IP string }
		if json.NewDecoder(r.Body).Decode(&asked) != nil || asked.IP != "127.0.0.1" {
			t.Errorf("asked %+v", asked)
		}
		switch {
		case asked.Username == "slow":
			w.WriteHeader(http.StatusBadGateway)
		case asked.Password != password:
			w.WriteHeader(http.StatusUnauthorized)
		default:
			io.WriteString(w, `{"user_id":"w-`+asked.Username+`","tenant":"acme"}`)
		}
	}))
	defer webhook.Close()
	b := start(t, func(cfg *config.Issuer) {
		cfg.UsersFile, cfg.LoginWebhookURL, cfg.LoginLockThreshold = "", webhook.URL, 2
	})
	login := func(name, password string) answer {
		return call{url: b.url + "/v1/login", body: `{"username":"` + name + `","password":"` + password + `"}`}.do(t)
	}
	a := login("erin", password)
	a.want(t, "erin", 200, "")
	var grant struct {
		UserID string `json:"user_id"`
	}
	if err := json.Unmarshal([]byte(a.body), &grant); err != nil || grant.UserID != "w-erin" {
		t.Errorf("%v, %s", err, a.body)
	}
	login("slow", password).want(t, "undecided", 503, "unavailable")
	login("erin", "wrong").want(t, "wrong", 401, "invalid_credentials")
	login("erin", "wrong").want(t, "wrong", 401, "invalid_credentials")
	a = login("erin", password)
	a.want(t, "locked", 429, "account_locked")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}
