package browser_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/edge"
	"github.com/curfew-auth/curfew/internal/issuer"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/backend"
)

//go:embed page.html
var page []byte

// A site is a page, an issuer and two edges under one https origin, as an
// ingress would put them. Access tokens live for a second.
type site struct {
	url, spki       string
	password, admin string
	issuer          string // where the issuer listens
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{password: rand.Text(), admin: rand.Text()}
	common := config.Common{NATSURL: testenv.NATS(t).URL(), RedisURL: testenv.Redis(t, backend.RedisOptions{}).URL()}
	lns := make([]net.Listener, 3)
	for n := range lns {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		testenv.Must(t, err)
		lns[n] = ln
	}
	s.issuer = "http://" + lns[0].Addr().String()
	s.startIssuer(t, common, lns[0])
	for n, ln := range lns[1:] {
		s.startEdge(t, common, fmt.Sprint("edge-", n+1), ln)
	}
	s.serve(t, "http://"+lns[1].Addr().String(), "http://"+lns[2].Addr().String())
	return s
}

func (s *site) startIssuer(t *testing.T, common config.Common, ln net.Listener) {
	t.Helper()
	hash, err := session.HashPassword(s.password)
	testenv.Must(t, err)
	users := filepath.Join(t.TempDir(), "users.yaml")
	testenv.Must(t, os.WriteFile(users, fmt.Appendf(nil, "users: [{username: alice, password_hash: '%s', user_id: u-alice}]\n", hash), 0o600))
	var cfg config.Issuer
	config.Defaults(&cfg)
	cfg.DrainDelay = 0 // nobody balances load here
	cfg.NATSURL, cfg.RedisURL, cfg.IssuerURL = common.NATSURL, common.RedisURL, s.issuer
	cfg.KeysDir, cfg.UsersFile, cfg.AdminToken = t.TempDir(), users, s.admin
	cfg.AccessTTL = time.Second
	cfg.RefreshGrace = time.Minute // a retry on a busy machine is still one
	i, err := issuer.New(cfg, slog.New(slog.DiscardHandler))
	testenv.Must(t, err)
	start(t, i, ln)
}

func (s *site) startEdge(t *testing.T, common config.Common, id string, ln net.Listener) {
	t.Helper()
	var cfg config.Edge
	config.Defaults(&cfg)
	cfg.DrainDelay = 0 // nobody balances load here
	cfg.NATSURL, cfg.RedisURL, cfg.IssuerURL = common.NATSURL, common.RedisURL, s.issuer
	cfg.EdgeID, cfg.Renew, cfg.Leeway = id, true, 0
	cfg.Resolve()
	e, err := edge.New(cfg, slog.New(slog.DiscardHandler))
	testenv.Must(t, err)
	start(t, e, ln)
}

func start(t *testing.T, node interface {
	Run(context.Context, net.Listener) error
	Ready() error
}, ln net.Listener) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- node.Run(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	testenv.Eventually(t, patience, node.Ready)
}

// serve puts all under one origin. The edges take turns.
func (s *site) serve(t *testing.T, edges ...string) {
	t.Helper()
	var turn atomic.Uint64
	proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		to := s.issuer
		if p.In.URL.Path == "/v1/whoami" {
			to = edges[turn.Add(1)%uint64(len(edges))]
		}
		target, _ := url.Parse(to) // it was printed by net
		p.SetURL(target)
		p.Out.Host = p.In.Host
	}}
	mux := http.NewServeMux()
	mux.Handle("/v1/", proxy)
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write(page)
	})
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL
	key := sha256.Sum256(server.Certificate().RawSubjectPublicKeyInfo)
	s.spki = base64.StdEncoding.EncodeToString(key[:])
}

// endSession ends alice's only session, as an admin.
func (s *site) endSession(t *testing.T) {
	t.Helper()
	var list struct {
		Sessions []struct {
			ID string `json:"session_id"`
		} `json:"sessions"`
	}
	s.call(t, http.MethodGet, "/admin/v1/users/u-alice/sessions", nil, &list)
	if len(list.Sessions) != 1 {
		t.Fatalf("alice has %d sessions", len(list.Sessions))
	}
	s.call(t, http.MethodPost, "/admin/v1/revocations", map[string]string{"scope": "session", "id": list.Sessions[0].ID}, &struct{}{})
}

func (s *site) call(t *testing.T, method, path string, body, answer any) {
	t.Helper()
	text, err := json.Marshal(body)
	testenv.Must(t, err)
	if body == nil {
		text = nil
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.issuer+path, bytes.NewReader(text))
	testenv.Must(t, err)
	req.Header.Set("Authorization", "Bearer "+s.admin)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	testenv.Must(t, err)
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d", path, res.StatusCode)
	}
	testenv.Must(t, json.NewDecoder(res.Body).Decode(answer))
}
