package nats_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"

	"github.com/curfew-auth/curfew/deploy/nats"
	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/edge"
	"github.com/curfew-auth/curfew/internal/embedded"
	"github.com/curfew-auth/curfew/internal/issuer"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
)

const (
	patience = 60 * time.Second
	password = "correct horse battery"
	admin    = "an-admin-token-of-thirty-two-bytes"
)

// A world is a nats-server with the shipped configuration, an issuer and an edge.
type world struct {
	t            *testing.T
	url, inbox   string
	store        *embedded.Store
	issuer, edge string
	stopIssuer   func()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, nats.Accounts, "_INBOX")
}

// newWorldOn is one with other accounts, whose edges have inboxes below a prefix.
func newWorldOn(t *testing.T, accounts, inbox string) *world {
	t.Helper()
	w := &world{t: t, url: serve(t, accounts), inbox: inbox}
	store, err := embedded.StartStore()
	testenv.Must(t, err)
	t.Cleanup(store.Close)
	w.store = store
	w.startIssuer()
	w.edge = w.startEdge("edge-1")
	return w
}

// serve runs a server with accounts.
func serve(t *testing.T, accounts string) string {
	t.Helper()
	for _, user := range nats.Users {
		t.Setenv("NATS_"+strings.ToUpper(user)+"_PASSWORD", "pw-"+user)
	}
	file := filepath.Join(t.TempDir(), "nats.conf")
	testenv.Must(t, os.WriteFile(file, fmt.Appendf(nil, "listen: 127.0.0.1:-1\njetstream { store_dir: %q }\n%s", t.TempDir(), accounts), 0o600))
	opts, err := server.ProcessConfigFile(file)
	testenv.Must(t, err)
	opts.NoSigs, opts.NoLog = true, true
	s, err := server.NewServer(opts)
	testenv.Must(t, err)
	go s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server does not start")
	}
	return s.Addr().String()
}

// as is where a user logs in.
func (w *world) as(user string) string {
	return "nats://" + url.UserPassword(user, "pw-"+user).String() + "@" + w.url
}

func (w *world) dial(user string) *natsgo.Conn {
	w.t.Helper()
	nc, err := natsgo.Connect(w.as(user), natsgo.ErrorHandler(func(*natsgo.Conn, *natsgo.Subscription, error) {}))
	testenv.Must(w.t, err)
	w.t.Cleanup(nc.Close)
	return nc
}

func (w *world) startIssuer() {
	t := w.t
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	testenv.Must(t, err)
	var cfg config.Issuer
	config.Defaults(&cfg)
	cfg.DrainDelay, cfg.NATSJSPrefix = 0, nats.JSPrefix
	cfg.NATSURL, cfg.RedisURL, cfg.IssuerURL = w.as("issuer"), w.store.URL(), "http://"+ln.Addr().String()
	cfg.KeysDir, cfg.UsersFile, cfg.AdminToken = t.TempDir(), filepath.Join(t.TempDir(), "users.yaml"), admin
	hash, err := session.HashPassword(password)
	testenv.Must(t, err)
	testenv.Must(t, os.WriteFile(cfg.UsersFile, fmt.Appendf(nil, "users: [{username: alice, password_hash: '%s', user_id: u-alice}]\n", hash), 0o600))
	testenv.Must(t, cfg.Validate())
	i, err := issuer.New(cfg, slog.New(slog.DiscardHandler))
	testenv.Must(t, err)
	w.issuer, w.stopIssuer = w.run(i, ln)
}

func (w *world) startEdge(id string) string {
	t := w.t
	t.Helper()
	var cfg config.Edge
	config.Defaults(&cfg)
	cfg.DrainDelay, cfg.EdgeID, cfg.NATSJSPrefix, cfg.NATSInboxPrefix = 0, id, nats.JSPrefix, w.inbox
	cfg.NATSURL, cfg.RedisURL, cfg.IssuerURL = w.as("edge"), config.NoRedis, w.issuer
	testenv.Must(t, cfg.Validate())
	cfg.Resolve()
	e, err := edge.New(cfg, slog.New(slog.DiscardHandler))
	testenv.Must(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	testenv.Must(t, err)
	addr, _ := w.run(e, ln)
	return addr
}

func (w *world) run(node interface {
	Run(context.Context, net.Listener) error
	Ready() error
}, ln net.Listener) (addr string, stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- node.Run(ctx, ln) }()
	stopped := false
	stop = func() {
		if cancel(); !stopped {
			stopped = true
			if err := <-ended; err != nil {
				w.t.Errorf("ended with %v", err)
			}
		}
	}
	w.t.Cleanup(stop)
	testenv.Eventually(w.t, patience, node.Ready)
	return "http://" + ln.Addr().String(), stop
}

// call returns the status and the body of an answer.
func (w *world) call(method, url, bearer, body string) (int, map[string]any) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, url, bytes.NewReader([]byte(body)))
	testenv.Must(w.t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := http.DefaultClient.Do(req)
	testenv.Must(w.t, err)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	testenv.Must(w.t, err)
	var out map[string]any
	_ = json.Unmarshal(data, &out) // what is no JSON has no fields
	return res.StatusCode, out
}

func (w *world) login() (access string) {
	w.t.Helper()
	status, g := w.call(http.MethodPost, w.issuer+"/v1/login", "", `{"username":"alice","password":"`+password+`"}`)
	if status != http.StatusOK {
		w.t.Fatalf("login: %d %v", status, g)
	}
	return g["access_token"].(string)
}

// decides waits until an edge answers with a status.
func (w *world) decides(edge, access string, want int) {
	w.t.Helper()
	testenv.Eventually(w.t, patience, func() error {
		if status, body := w.call(http.MethodGet, edge+"/v1/whoami", access, ""); status != want {
			return fmt.Errorf("%d %v, want %d", status, body, want)
		}
		return nil
	})
}
