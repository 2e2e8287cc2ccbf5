package guard_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/testenv"
)

func hello(w http.ResponseWriter, r *http.Request) {
	id, ok := guard.IdentityFrom(r.Context())
	fmt.Fprintf(w, "%s %v", id.UserID, ok)
}

// answer calls a handler with the given Authorization fields.
func answer(t *testing.T, h http.Handler, authorization ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.Header["Authorization"] = authorization
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func wantProblem(t *testing.T, res *http.Response, status int, code, challenge string) {
	t.Helper()
	var p struct {
		Type, Title, Code string
		Status            int
	}
	if err := json.NewDecoder(res.Body).Decode(&p); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != status || p.Status != status || p.Code != code || p.Title == "" || p.Type != "urn:curfew:problem:"+code {
		t.Errorf("%d %+v, want %d %s", res.StatusCode, p, status, code)
	}
	if got := res.Header.Get("WWW-Authenticate"); got != challenge {
		t.Errorf("%s: challenge %q, want %q", code, got, challenge)
	}
	if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("%s: content type %q", code, got)
	}
	if got := res.Header.Get("Retry-After"); (got != "") != (status == http.StatusServiceUnavailable) {
		t.Errorf("%s: Retry-After %q", code, got)
	}
}

const invalid = `Bearer error="invalid_token"`

func TestMiddleware(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(alone)
	testenv.Eventually(t, ceiling, n.Ready)
	good, ended := m.token("s-1", "", time.Hour), m.token("s-2", "", time.Hour)
	m.commit(events.ScopeSession, "s-2")
	n.eventually(t, ended, guard.ErrRevoked)
	n.want(t, good, nil)
	h := guard.Middleware(n.Guard)(http.HandlerFunc(hello))
	for _, scheme := range []string{"Bearer ", "bearer ", "BEARER   "} {
		res := answer(t, h, scheme+good)
		if body, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK || string(body) != "u-1 true" {
			t.Errorf("%s: %d %s", scheme, res.StatusCode, body)
		}
	}
	wantProblem(t, answer(t, h), 401, "token_missing", "Bearer")
	wantProblem(t, answer(t, h, "Basic eDp5"), 401, "token_missing", "Bearer")
	wantProblem(t, answer(t, h, "Bearer"), 401, "token_malformed", invalid)
	wantProblem(t, answer(t, h, "Bearer x"), 401, "token_malformed", invalid)
	wantProblem(t, answer(t, h, "Bearer "+good, "Bearer "+good), 401, "token_malformed", invalid)
	wantProblem(t, answer(t, h, "Bearer "+good[:len(good)-4]+"AAAA"), 401, "token_invalid", invalid)
	wantProblem(t, answer(t, h, "Bearer "+m.token("s", "", -time.Hour)), 401, "token_expired", invalid)
	wantProblem(t, answer(t, h, "Bearer "+ended), 401, "token_revoked", invalid)
	strict := guard.Middleware(n.Guard, guard.WithMode(guard.Strict))(http.HandlerFunc(hello))
	wantProblem(t, answer(t, strict, "Bearer "+good), 503, "freshness_unknown", "")
	stateless := guard.Middleware(n.Guard, guard.WithMode(guard.Stateless))(http.HandlerFunc(hello))
	if res := answer(t, stateless, "Bearer "+ended); res.StatusCode != http.StatusOK {
		t.Errorf("stateless: %d", res.StatusCode)
	}
}

func TestTokenFromCookie(t *testing.T) {
	for name, c := range map[string]struct {
		authorization, cookies []string
		token                  string
		err                    error
	}{
		"cookie":        {cookies: []string{"x"}, token: "x"},
		"both alike":    {[]string{"Bearer x"}, []string{"x"}, "x", nil},
		"both differ":   {[]string{"Bearer x"}, []string{"y"}, "", guard.ErrMalformed},
		"two cookies":   {nil, []string{"x", "x"}, "", guard.ErrMalformed},
		"other scheme":  {[]string{"Basic x"}, []string{"y"}, "y", nil},
		"empty cookie":  {nil, []string{""}, "", guard.ErrMalformed},
		"empty header":  {[]string{"Bearer "}, []string{"y"}, "", guard.ErrMalformed},
		"nothing":       {nil, nil, "", guard.ErrMissing},
		"only a prefix": {[]string{"Bearerx"}, nil, "", guard.ErrMissing},
	} {
		r := httptest.NewRequest(http.MethodGet, "/?access_token=z", nil)
		r.Header["Authorization"] = c.authorization
		for _, v := range c.cookies {
			r.AddCookie(&http.Cookie{Name: guard.AccessCookie, Value: v})
		}
		if got, err := guard.TokenFrom(r); got != c.token || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestRequire(t *testing.T) {
	as := func(id guard.Identity, h func(http.Handler) http.Handler) *http.Response {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		w := httptest.NewRecorder()
		h(http.HandlerFunc(hello)).ServeHTTP(w, r.WithContext(guard.WithIdentity(r.Context(), id)))
		return w.Result()
	}
	id := guard.Identity{UserID: "u", Roles: []string{"admin", "staff"}, Scope: "read write:all"}
	for _, good := range []func(http.Handler) http.Handler{
		guard.RequireRoles(), guard.RequireRoles("staff", "admin"), guard.RequireScope("write:all", "read"), guard.RequireScope(),
	} {
		if res := as(id, good); res.StatusCode != http.StatusOK {
			t.Errorf("%d", res.StatusCode)
		}
	}
	wantProblem(t, as(id, guard.RequireRoles("admin", "root")), 403, "forbidden", "")
	wantProblem(t, as(id, guard.RequireRoles("adm")), 403, "forbidden", "")
	wantProblem(t, as(id, guard.RequireScope("read", "write")), 403, "forbidden", `Bearer error="insufficient_scope", scope="read write"`)
	wantProblem(t, answer(t, guard.RequireRoles()(http.HandlerFunc(hello))), 401, "token_missing", "Bearer")
}

// The stream of a signed-out user stops in the middle.
func TestStreamEndsOnRevocation(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(func(c *guard.Config) { c.Staleness = 4 * time.Minute })
	testenv.Eventually(t, ceiling, n.Ready)
	h := guard.Middleware(n.Guard, guard.Live())(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "data: hello\n\n")
		testenv.Must(t, http.NewResponseController(w).Flush())
		<-r.Context().Done()
		fmt.Fprintf(w, "event: %s\n\n", guard.RefusalOf(context.Cause(r.Context())).Code)
	}))
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	testenv.Must(t, err)
	req.Header.Set("Authorization", "Bearer "+m.token("s-1", "", time.Hour))
	res, err := http.DefaultClient.Do(req)
	testenv.Must(t, err)
	defer res.Body.Close()
	first := make([]byte, len("data: hello\n\n"))
	_, err = io.ReadFull(res.Body, first)
	testenv.Must(t, err)
	m.commit(events.ScopeSession, "s-1")
	rest, err := io.ReadAll(res.Body)
	if err != nil || !strings.Contains(string(rest), "token_revoked") {
		t.Errorf("%q, %v", rest, err)
	}
	testenv.Eventually(t, ceiling, func() error {
		if left := n.LiveConnections(); left != 0 {
			return fmt.Errorf("%d are still watched", left)
		}
		return nil
	})
}
