package contract_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/api"
	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/edge"
	"github.com/curfew-auth/curfew/internal/issuer"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/backend"
)

const patience = 60 * time.Second

// A world has services that are well, and some that have lost a server.
type world struct {
	issuer   string
	logless  string // an issuer that has lost the log
	lonely   string // an issuer that never had the log or the store
	edge     string
	blind    string // an edge that has lost the store, which it always asks
	young    string // an edge that never had the log
	admin    string // tokens
	reader   string // has the role read alone
	rotator  string // has the role keys alone
	password string // of every user

	of       map[string]*checker // by URL
	issuers  *checker
	edges    *checker
	settings config.Issuer
	common   config.Common
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		admin: rand.Text(), reader: rand.Text(), rotator: rand.Text(), password: rand.Text(), of: map[string]*checker{},
		issuers: newChecker(t, api.Issuer()), edges: newChecker(t, api.Edge()),
	}
	redis, log := testenv.Redis(t, backend.RedisOptions{}), testenv.NATS(t)
	toStore, toLog, nowhere := testenv.Proxy(t, redis.Addr()), testenv.Proxy(t, strings.TrimPrefix(log.URL(), "nats://")), testenv.Proxy(t, redis.Addr())
	nowhere.Cut()
	ln := listen(t)
	w.common.NATSURL, w.common.RedisURL, w.common.IssuerURL = log.URL(), redis.URL(), "http://"+ln.Addr().String()
	w.settings = w.issuerConfig(t)
	w.issuer = w.startIssuer(t, ln, true, func(*config.Issuer) {})
	w.logless = w.startIssuer(t, listen(t), true, func(c *config.Issuer) { c.NATSURL = "nats://" + toLog.Addr() })
	w.lonely = w.startIssuer(t, listen(t), false, func(c *config.Issuer) {
		c.NATSURL, c.RedisURL = "nats://"+nowhere.Addr(), redis.URLVia(nowhere.Addr())
	})
	w.edge = w.startEdge(t, true, func(c *config.Edge) { c.Assertion = "backends" })
	w.blind = w.startEdge(t, true, func(c *config.Edge) { c.RedisURL, c.CheckMode = redis.URLVia(toStore.Addr()), "strict" })
	w.young = w.startEdge(t, false, func(c *config.Edge) { c.NATSURL = "nats://" + nowhere.Addr() })
	toStore.Cut()
	toLog.Cut()
	return w
}

func (w *world) issuerConfig(t *testing.T) (cfg config.Issuer) {
	t.Helper()
	config.Defaults(&cfg)
	cfg.DrainDelay, cfg.Region = 0, "local"
	cfg.NATSURL, cfg.RedisURL, cfg.IssuerURL = w.common.NATSURL, w.common.RedisURL, w.common.IssuerURL
	cfg.KeysDir, cfg.UsersFile, cfg.AdminToken = t.TempDir(), filepath.Join(t.TempDir(), "users.yaml"), w.admin
	cfg.Admins = config.Admins{
		{Name: "reader", TokenSHA256: config.HashToken(w.reader), Roles: []string{config.RoleRead}},
		{Name: "rotator", TokenSHA256: config.HashToken(w.rotator), Roles: []string{config.RoleKeys}},
	}
	cfg.KeyPublishDelay, cfg.AdminRole = time.Hour, "boss"
	cfg.SessionLimit, cfg.SessionLimitPolicy = 2, config.Refuse
	cfg.LoginLockThreshold, cfg.TrustedProxies = 2, "127.0.0.1/32"
	hash, err := session.HashPassword(w.password)
	testenv.Must(t, err)
	var users []byte
	for _, name := range []string{"bob", "carol", "heidi"} {
		users = fmt.Appendf(users, "- {username: %s, password_hash: '%s', user_id: u-%s}\n", name, hash, name)
	}
	testenv.Must(t, os.WriteFile(cfg.UsersFile, append([]byte("users:\n"), users...), 0o600))
	return cfg
}

func (w *world) startIssuer(t *testing.T, ln net.Listener, ready bool, change func(*config.Issuer)) string {
	t.Helper()
	cfg := w.settings
	change(&cfg)
	testenv.Must(t, cfg.Validate())
	i, err := issuer.New(cfg, slog.New(slog.DiscardHandler))
	testenv.Must(t, err)
	return w.run(t, i, ln, ready, w.issuers)
}

func (w *world) startEdge(t *testing.T, ready bool, change func(*config.Edge)) string {
	t.Helper()
	var cfg config.Edge
	config.Defaults(&cfg)
	cfg.DrainDelay = 0
	cfg.NATSURL, cfg.RedisURL, cfg.IssuerURL = w.common.NATSURL, w.common.RedisURL, w.common.IssuerURL
	cfg.Renew, cfg.RenewHeader = true, true
	change(&cfg)
	testenv.Must(t, cfg.Validate())
	cfg.Resolve()
	e, err := edge.New(cfg, slog.New(slog.DiscardHandler))
	testenv.Must(t, err)
	return w.run(t, e, listen(t), ready, w.edges)
}

func (w *world) run(t *testing.T, node interface {
	Run(context.Context, net.Listener) error
	Ready() error
}, ln net.Listener, ready bool, by *checker) string {
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
	if ready {
		testenv.Eventually(t, patience, node.Ready)
	}
	url := "http://" + ln.Addr().String()
	w.of[url] = by
	return url
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	testenv.Must(t, err)
	return ln
}
