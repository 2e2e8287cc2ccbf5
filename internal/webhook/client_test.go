package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/session"
)

const secret, password = "shared secret of both", "correct horse"

// serve starts a receiver that answers as told.
func serve(t *testing.T, answer http.HandlerFunc) (*Client, *bytes.Buffer) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	var log bytes.Buffer
	return New(Config{URL: server.URL + "/login", Secret: secret}, slog.New(slog.NewTextHandler(&log, nil))), &log
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// redirectToYes would be a yes for whoever follows it.
func redirectToYes(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/elsewhere" {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		return
	}
	io.WriteString(w, `{"user_id":"u1"}`)
}

func credentials(tenant string) session.Credentials {
	return session.Credentials{
		Username: "alice", Password: password, Tenant: tenant, IP: "192.0.2.7", UserAgent: "test/1",
		Device: session.Device{ID: "d1", Kind: "ios"},
	}
}

func TestQuestionIsSigned(t *testing.T) {
	var asked map[string]any
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		given := r.Header.Get(SignatureHeader)
		var at time.Time
		for back := range 10 {
			if when := time.Now().Add(-time.Duration(back) * time.Second); Sign(secret, when, body) == given {
				at = when
			}
		}
		if at.IsZero() || Sign("another", at, body) == given || Sign(secret, at, append(body, ' ')) == given {
			t.Errorf("signature %q", given)
		}
		if r.Method != "POST" || r.URL.Path != "/login" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		json.Unmarshal(body, &asked)
		io.WriteString(w, `{"user_id":"u1","roles":["admin"],"scope":"read write","more":1}`)
	})
	got, err := c.Authenticate(t.Context(), credentials("acme"))
	want := session.User{ID: "u1", Tenant: "acme", Roles: []string{"admin"}, Scope: "read write"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if text, _ := json.Marshal(asked); string(text) != `{"device":{"id":"d1","kind":"ios"},"ip":"192.0.2.7",`+
		`"password":"correct horse","tenant":"acme","user_agent":"test/1","username":"alice"}` {
		t.Errorf("asked %s", text)
	}
}

// A value computed elsewhere: printf '1700000000.{}' | openssl dgst -sha256 -hmac key
func TestSignature(t *testing.T) {
	if got := Sign("key", time.Unix(1700000000, 0), []byte("{}")); got != "t=1700000000,v1=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae" {
		t.Error(got)
	}
}

func TestAnswers(t *testing.T) {
	const no, undecided = "no", "undecided"
	for name, c := range map[string]struct {
		tenant string
		answer http.HandlerFunc
		want   string // no, undecided, or tenant/id
	}{
		"yes":                      {"", says(200, `{"user_id":"u1"}`), "default/u1"},
		"a tenant when none asked": {"", says(200, `{"user_id":"u1","tenant":"acme"}`), "acme/u1"},
		"the tenant asked":         {"acme", says(200, `{"user_id":"u1","tenant":"acme"}`), "acme/u1"},
		"no tenant":                {"acme", says(200, `{"user_id":"u1"}`), "acme/u1"},
		"another tenant":           {"acme", says(200, `{"user_id":"u1","tenant":"other"}`), undecided},
		"401":                      {"", says(401, ""), no},
		"403":                      {"", says(403, ""), no},
		"404":                      {"", says(404, ""), no},
		"201":                      {"", says(201, `{"user_id":"u1"}`), undecided},
		"400":                      {"", says(400, ""), undecided},
		"429":                      {"", says(429, ""), undecided},
		"500":                      {"", says(500, ""), undecided},
		"redirect":                 {"", redirectToYes, undecided},
		"empty":                    {"", says(200, ""), undecided},
		"no user":                  {"", says(200, `{}`), undecided},
		"wrong type":               {"", says(200, `{"user_id":7}`), undecided},
		"rubbish after":            {"", says(200, `{"user_id":"u1"} x`), undecided},
		"too many roles":           {"", says(200, `{"user_id":"u1","roles":["`+strings.Repeat(`a","`, 40)+`a"]}`), undecided},
		"bad scope":                {"", says(200, `{"user_id":"u1","scope":"a\u0000"}`), undecided},
		"endless":                  {"", says(200, `{"user_id":"u1"}`+strings.Repeat(" ", maxAnswer)), undecided},
	} {
		t.Run(name, func(t *testing.T) {
			client, log := serve(t, c.answer)
			user, err := client.Authenticate(t.Context(), credentials(c.tenant))
			switch {
			case c.want == no && errors.Is(err, session.ErrInvalidCredentials) && !errors.Is(err, session.ErrUnavailable):
			case c.want == undecided && errors.Is(err, session.ErrUnavailable) && !errors.Is(err, session.ErrInvalidCredentials):
			case err == nil && user.Tenant+"/"+user.ID == c.want:
			default:
				t.Errorf("got %+v, %v", user, err)
			}
			if text := log.String(); strings.Contains(text, password) || err != nil && strings.Contains(err.Error(), password) {
				t.Errorf("the password got out: %v, %s", err, text)
			}
		})
	}
}

// A receiver that is down holds up the first few logins only, and is used
// again once it is back.
func TestBreaker(t *testing.T) {
	var asked atomic.Int32
	c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(500)
	})
	for range 20 {
		if _, err := c.Authenticate(t.Context(), credentials("")); !errors.Is(err, session.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if n := asked.Load(); n != breakerFailures {
		t.Errorf("asked %d times", n)
	}
	no, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(401)
	})
	asked.Store(0)
	for range 20 { // a no is an answer
		no.Authenticate(t.Context(), credentials(""))
	}
	if n := asked.Load(); n != 20 {
		t.Errorf("asked %d times", n)
	}
}

func TestSlowReceiver(t *testing.T) {
	release := make(chan struct{})
	c, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-release })
	defer close(release)
	c.http.Timeout = 50 * time.Millisecond
	if _, err := c.Authenticate(t.Context(), credentials("")); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Authenticate(ctx, credentials("")); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}
