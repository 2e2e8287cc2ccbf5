package issuer

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/backend"
)

const (
	adminToken = "0123456789abcdef0123456789abcdef"
	password   = "correct horse battery staple"
	ceiling    = 30 * time.Second
)

var quiet = slog.New(slog.DiscardHandler)

// A pair is two issuers that share servers, users and keys.
type pair struct {
	t      *testing.T
	config config.Issuer
	urls   []string
	jwks   *httptest.Server // answers with one and the other by turns
}

func startPair(t *testing.T, change func(*config.Issuer)) *pair {
	t.Helper()
	p := &pair{t: t}
	config.Defaults(&p.config)
	p.config.DrainDelay = 0 // nobody balances load here
	p.config.IssuerURL, p.config.AdminToken = "https://issuer.test", adminToken
	p.config.NATSURL, p.config.RedisURL = testenv.NATS(t).URL(), testenv.Redis(t, backend.RedisOptions{}).URL()
	p.config.KeysDir, p.config.UsersFile = t.TempDir(), filepath.Join(t.TempDir(), "users.yaml")
	hash, err := session.HashPassword(password)
	testenv.Must(t, err)
	testenv.Must(t, os.WriteFile(p.config.UsersFile, fmt.Appendf(nil,
		"users:\n- {username: alice, user_id: u-1, password_hash: %q}\n", hash), 0o600))
	change(&p.config)
	p.start()
	p.start()
	var turn atomic.Int64
	p.jwks = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		status, body := p.call(http.MethodGet, int(turn.Add(1)), "/.well-known/jwks.json", "", nil)
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}))
	t.Cleanup(p.jwks.Close)
	return p
}

// start adds an issuer, which runs until the test ends.
func (p *pair) start() {
	p.t.Helper()
	i, err := New(p.config, quiet)
	testenv.Must(p.t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	testenv.Must(p.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- i.Run(ctx, ln) }()
	p.t.Cleanup(func() {
		cancel()
		testenv.Must(p.t, <-done)
	})
	p.urls = append(p.urls, "http://"+ln.Addr().String())
	testenv.Eventually(p.t, ceiling, i.Ready)
}

// call calls the n-th issuer, counted around.
func (p *pair) call(method string, n int, path, bearer string, body any) (status int, answer []byte) {
	data, err := json.Marshal(body)
	if err != nil || body == nil {
		data = nil
	}
	req, err := http.NewRequestWithContext(context.Background(), method, p.urls[n%len(p.urls)]+path, bytes.NewReader(data))
	if err != nil {
		p.t.Error(err)
		return 0, nil
	}
	req.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Error(err)
		return 0, nil
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		p.t.Error(err)
	}
	return resp.StatusCode, answer
}

// keys are the keys as the n-th issuer lists them.
func (p *pair) keys(n int) (list struct{ Keys []keyResponse }) {
	p.t.Helper()
	status, body := p.call(http.MethodGet, n, "/admin/v1/keys", adminToken, nil)
	if status != http.StatusOK || json.Unmarshal(body, &list) != nil {
		p.t.Fatalf("keys: %d %s", status, body)
	}
	return list
}

// rotate rotates on the n-th issuer as soon as that may be.
func (p *pair) rotate(n int, algorithm string) (key keyResponse) {
	p.t.Helper()
	testenv.Eventually(p.t, ceiling, func() error {
		status, body := p.call(http.MethodPost, n, "/admin/v1/keys/rotate", adminToken, rotateRequest{algorithm})
		if status != http.StatusOK {
			return fmt.Errorf("rotate: %d %s", status, body)
		}
		return json.Unmarshal(body, &key)
	})
	return key
}

func (p *pair) edge() *guard.Guard {
	p.t.Helper()
	g, err := guard.New(context.Background(), guard.Config{
		ID: "edge-1", NATSURL: p.config.NATSURL, RedisURL: p.config.RedisURL, Issuer: p.config.IssuerURL,
		Audience: p.config.Audience, JWKSURL: p.jwks.URL, Leeway: 2 * time.Second,
	})
	testenv.Must(p.t, err)
	p.t.Cleanup(g.Close)
	testenv.Eventually(p.t, ceiling, g.Ready)
	return g
}

// login waits its turn: hashing is bounded, and a busy machine says 503.
func (p *pair) login() (grant grantResponse) {
	p.t.Helper()
	testenv.Eventually(p.t, ceiling, func() error {
		status, body := p.call(http.MethodPost, 0, "/v1/login", "", map[string]string{"username": "alice", "password": password})
		if status != http.StatusOK {
			return fmt.Errorf("login: %d %s", status, body)
		}
		return json.Unmarshal(body, &grant)
	})
	return grant
}

// client refreshes at one issuer after the other, and uses each access token
// at once and again later in its life. It returns how many requests it made.
func (p *pair) client(ctx context.Context, edge *guard.Guard, grant grantResponse, kids *sync.Map) (requests int) {
	take := func(status int, body []byte) {
		requests++
		if status != http.StatusOK || json.Unmarshal(body, &grant) != nil {
			p.t.Errorf("request %d: %d %s", requests, status, body)
		}
	}
	type held struct {
		token string
		again time.Time // when to use it again
	}
	var older []held
	for ctx.Err() == nil && !p.t.Failed() {
		status, body := p.call(http.MethodPost, requests, "/v1/refresh", "", refreshRequest{RefreshToken: grant.RefreshToken})
		if status == http.StatusServiceUnavailable { // the store is late on a busy machine: nothing of keys
			continue
		}
		take(status, body)
		kids.Store(kidOf(grant.AccessToken), true)
		older = append(older, held{grant.AccessToken, time.Now().Add(p.config.AccessTTL / 2)})
		use := []string{grant.AccessToken}
		for len(older) > 0 && time.Now().After(older[0].again) {
			if time.Since(older[0].again) < p.config.AccessTTL/2 { // this machine may have stalled
				use = append(use, older[0].token)
			}
			older = older[1:]
		}
		for _, raw := range use {
			requests++
			if _, err := edge.Check(context.Background(), raw); err != nil {
				p.t.Errorf("request %d, kid %s: %v", requests, kidOf(raw), err)
			}
		}
	}
	return requests
}

func kidOf(raw string) string {
	var h struct{ Kid string }
	encoded, _, _ := strings.Cut(raw, ".")
	data, _ := base64.RawURLEncoding.DecodeString(encoded)
	_ = json.Unmarshal(data, &h)
	return h.Kid
}

// TestRotationUnderLoad: two issuers, an edge and clients at work, and several
// rotations to every algorithm: not one request fails.
func TestRotationUnderLoad(t *testing.T) {
	p := startPair(t, func(c *config.Issuer) {
		c.KeyPublishDelay, c.KeyRetireMargin, c.AccessTTL = 2*time.Second, 4*time.Second, 4*time.Second
	})
	edge := p.edge()
	first := p.keys(0).Keys[0]
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var clients sync.WaitGroup
	var kids sync.Map
	var requests atomic.Int64
	for range 3 {
		grant := p.login()
		kids.Store(kidOf(grant.AccessToken), true)
		clients.Go(func() { requests.Add(int64(p.client(ctx, edge, grant, &kids))) })
	}
	made := []string{first.KeyID}
	for n, algorithm := range []string{"ES256", "RS256", "EdDSA", ""} {
		made = append(made, p.rotate(n, algorithm).KeyID)
	}
	testenv.Eventually(t, ceiling, func() error {
		for _, kid := range made {
			if _, ok := kids.Load(kid); !ok {
				return fmt.Errorf("%s has not signed yet", kid)
			}
		}
		return nil
	})
	testenv.Eventually(t, ceiling, func() error {
		for n := range p.urls {
			if keys := p.keys(n).Keys; len(keys) != 1 || keys[0].State != "signing" || keys[0].KeyID != made[len(made)-1] {
				return fmt.Errorf("issuer %d still has %+v", n, keys)
			}
		}
		return nil
	})
	stop()
	clients.Wait()
	if moved, _ := filepath.Glob(filepath.Join(p.config.KeysDir, "retired", "*.pem")); len(moved) != len(made)-1 {
		t.Errorf("retired files: %q, want %d", moved, len(made)-1)
	}
	t.Logf("%d requests, %d rotations, none failed", requests.Load(), len(made)-1)
}

func TestKeyCalls(t *testing.T) {
	p := startPair(t, func(c *config.Issuer) { c.KeyPublishDelay = time.Hour })
	for name, tc := range map[string]struct {
		method, path, bearer string
		body                 any
		status               int
		code                 string
	}{
		"list without token":   {http.MethodGet, "/admin/v1/keys", "", nil, 401, "unauthorized"},
		"rotate without token": {http.MethodPost, "/admin/v1/keys/rotate", "", nil, 401, "unauthorized"},
		"rotate, wrong token":  {http.MethodPost, "/admin/v1/keys/rotate", adminToken + "x", nil, 401, "unauthorized"},
		"unknown member":       {http.MethodPost, "/admin/v1/keys/rotate", adminToken, map[string]string{"alg": "ES256"}, 400, "bad_request"},
		"none":                 {http.MethodPost, "/admin/v1/keys/rotate", adminToken, rotateRequest{"none"}, 400, "bad_request"},
		"HS256":                {http.MethodPost, "/admin/v1/keys/rotate", adminToken, rotateRequest{"HS256"}, 400, "bad_request"},
	} {
		status, body := p.call(tc.method, 0, tc.path, tc.bearer, tc.body)
		if status != tc.status || !strings.Contains(string(body), `"`+tc.code+`"`) {
			t.Errorf("%s: %d %s, want %d %s", name, status, body, tc.status, tc.code)
		}
	}
	if keys := p.keys(0).Keys; len(keys) != 1 || keys[0].State != "signing" || keys[0].Algorithm != "EdDSA" {
		t.Fatalf("keys after bad calls: %+v", keys)
	}
	status, body := p.call(http.MethodPost, 0, "/admin/v1/keys/rotate", adminToken, nil)
	if status != http.StatusOK || !strings.Contains(string(body), `"published"`) {
		t.Fatalf("rotate: %d %s", status, body)
	}
	// The other issuer may have to look at the directory first.
	if status, body = p.call(http.MethodPost, 1, "/admin/v1/keys/rotate", adminToken, nil); status != http.StatusConflict || !strings.Contains(string(body), `"rotation_pending"`) {
		t.Errorf("rotate again: %d %s, want 409 rotation_pending", status, body)
	}
	keys := p.keys(1).Keys
	if len(keys) != 2 || keys[0].State != "signing" || keys[0].RetireAt.IsZero() || keys[1].State != "published" || !keys[1].RetireAt.IsZero() {
		t.Errorf("keys: %+v", keys)
	}
	if _, body := p.call(http.MethodGet, 1, "/.well-known/jwks.json", "", nil); !strings.Contains(string(body), keys[1].KeyID) {
		t.Errorf("%s is not published: %s", keys[1].KeyID, body)
	}
}
