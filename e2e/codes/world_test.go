package codes_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/edge"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/issuer"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/backend"
	"github.com/curfew-auth/curfew/internal/token"
)

const patience = 60 * time.Second

// A world has an issuer and an edge that are well, one of each that has lost
// its store, and a program with a guard.
type world struct {
	issuer, storeless string
	edge, blind       string // blind checks in the mode strict
	api               string // wants the scope pay
	admin, reader     string // tokens; reader has the role read alone
	password          string // bob's
	keys              *token.Keyring
	log               *events.JetStream
	users             []string // whose sessions are looked at
	config            config.Common
}

func newWorld(t *testing.T) *world {
	t.Helper()
	redis, log := testenv.Redis(t, backend.RedisOptions{}), testenv.NATS(t)
	link := testenv.Proxy(t, redis.Addr())
	w := &world{admin: rand.Text(), reader: rand.Text(), password: rand.Text()}
	ln := listen(t)
	w.config.NATSURL, w.config.RedisURL, w.config.IssuerURL = log.URL(), redis.URL(), "http://"+ln.Addr().String()
	cfg := w.issuerConfig(t)
	w.issuer = w.startIssuer(t, cfg, ln)
	w.edge = w.startEdge(t, func(e *config.Edge) { e.Upstream = "http://127.0.0.1:1" }) // a port nobody is given
	w.startGuard(t)

	cfg.RedisURL = redis.URLVia(link.Addr())
	w.storeless = w.startIssuer(t, cfg, listen(t))
	w.blind = w.startEdge(t, func(e *config.Edge) { e.RedisURL, e.CheckMode = redis.URLVia(link.Addr()), "strict" })
	link.Cut()

	var err error
	w.keys, err = token.OpenKeyring(token.KeyringConfig{Dir: cfg.KeysDir})
	testenv.Must(t, err)
	w.follow(t, log.URL())
	return w
}

func (w *world) follow(t *testing.T, url string) {
	t.Helper()
	nc, err := nats.Connect(url)
	testenv.Must(t, err)
	t.Cleanup(nc.Close)
	w.log, err = events.NewJetStream(nc, "local", 1)
	testenv.Must(t, err)
}

func (w *world) issuerConfig(t *testing.T) (cfg config.Issuer) {
	t.Helper()
	config.Defaults(&cfg)
	cfg.DrainDelay = 0 // nobody balances load here
	cfg.NATSURL, cfg.RedisURL, cfg.IssuerURL = w.config.NATSURL, w.config.RedisURL, w.config.IssuerURL
	cfg.KeysDir, cfg.UsersFile, cfg.AdminToken = t.TempDir(), filepath.Join(t.TempDir(), "users.yaml"), w.admin
	cfg.Admins = config.Admins{{Name: "reader", TokenSHA256: config.HashToken(w.reader), Roles: []string{config.RoleRead}}}
	cfg.KeyPublishDelay = time.Hour
	cfg.SessionLimit, cfg.SessionLimitPolicy = 2, config.Refuse
	cfg.LoginLockThreshold, cfg.LoginIPLimit, cfg.TrustedProxies = 2, 3, "127.0.0.1/32"
	hash, err := session.HashPassword(w.password)
	testenv.Must(t, err)
	users := fmt.Appendf(nil, "users: [{username: bob, password_hash: '%s', user_id: u-bob}]\n", hash)
	testenv.Must(t, os.WriteFile(cfg.UsersFile, users, 0o600))
	return cfg
}

func (w *world) startIssuer(t *testing.T, cfg config.Issuer, ln net.Listener) string {
	t.Helper()
	testenv.Must(t, cfg.Validate())
	i, err := issuer.New(cfg, slog.New(slog.DiscardHandler))
	testenv.Must(t, err)
	return run(t, i, ln)
}

func (w *world) startEdge(t *testing.T, change func(*config.Edge)) string {
	t.Helper()
	var cfg config.Edge
	config.Defaults(&cfg)
	cfg.DrainDelay = 0 // nobody balances load here
	cfg.NATSURL, cfg.RedisURL, cfg.IssuerURL = w.config.NATSURL, w.config.RedisURL, w.config.IssuerURL
	change(&cfg)
	testenv.Must(t, cfg.Validate())
	cfg.Resolve()
	e, err := edge.New(cfg, slog.New(slog.DiscardHandler))
	testenv.Must(t, err)
	return run(t, e, listen(t))
}

func (w *world) startGuard(t *testing.T) {
	t.Helper()
	g, err := guard.New(t.Context(), guard.Config{
		ID: "api", NATSURL: w.config.NATSURL, RedisURL: w.config.RedisURL, Issuer: w.config.IssuerURL, Audience: "curfew",
	})
	testenv.Must(t, err)
	t.Cleanup(g.Close)
	testenv.Eventually(t, patience, g.Ready)
	pay := guard.RequireScope("pay")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a payment without the scope")
	}))
	server := httptest.NewServer(guard.Middleware(g)(pay))
	t.Cleanup(server.Close)
	w.api = server.URL
}

func run(t *testing.T, node interface {
	Run(context.Context, net.Listener) error
	Ready() error
}, ln net.Listener) string {
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
	return "http://" + ln.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	testenv.Must(t, err)
	return ln
}

type grant struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Session string `json:"session_id"`
}

// open opens a session, as a backend would.
func (w *world) open(t *testing.T, user string) (g grant) {
	t.Helper()
	w.users = append(w.users, user)
	w.must(t, call{url: w.issuer + "/admin/v1/sessions", bearer: w.admin, body: `{"user_id":"` + user + `"}`}, &g)
	return g
}

// must sends a call that has to succeed.
func (w *world) must(t *testing.T, c call, into any) {
	t.Helper()
	a := c.send(t)
	if a.status != http.StatusOK {
		t.Fatalf("%s: %d %s", c.url, a.status, a.body)
	}
	testenv.Must(t, json.Unmarshal(a.body, into))
}

// state is what a refused call must leave as it is: the sessions and the keys.
func (w *world) state(t *testing.T) (all string) {
	t.Helper()
	paths := []string{"/admin/v1/keys"}
	for _, user := range append([]string{"u-bob"}, w.users...) {
		paths = append(paths, "/admin/v1/users/"+user+"/sessions")
	}
	for _, path := range paths {
		var any json.RawMessage
		w.must(t, call{url: w.issuer + path, bearer: w.admin}, &any)
		all += path + " " + string(any) + "\n"
	}
	return all
}
