package issuer_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/embedded"
	"github.com/curfew-auth/curfew/internal/issuer"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
)

const (
	password = "correct horse"
	// patience is for what has no bound of its own on a busy machine.
	patience = 60 * time.Second
)

var hash = sync.OnceValues(func() (string, error) { return session.HashPassword(password) })

// A bench is an issuer that listens, on a real log and the embedded store.
type bench struct {
	url, adminURL string
	admin         string // the admin token
	nats          *testenv.NATSServer
	store         *embedded.Store
	logs          *lockedBuffer
	stop          func() // and wait
	stopEdge      func()
	tune          func(*issuer.Issuer)
}

// start starts an issuer whose settings change may alter. Users: alice
// (u-alice, roles user, boss), bob (u-bob), and carol (u-carol) of tenant acme
// (roles boss).
func start(t *testing.T, change func(*config.Issuer)) *bench {
	t.Helper()
	return startTuned(t, change, func(*issuer.Issuer) {})
}

// startTuned is start for what no setting tells.
func startTuned(t *testing.T, change func(*config.Issuer), tune func(*issuer.Issuer)) *bench {
	t.Helper()
	b := &bench{tune: tune, admin: rand.Text(), nats: testenv.NATS(t), logs: &lockedBuffer{}}
	store, err := embedded.StartStore()
	testenv.Must(t, err)
	t.Cleanup(store.Close)
	b.store = store
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	testenv.Must(t, err)
	var cfg config.Issuer
	config.Defaults(&cfg)
	cfg.DrainDelay = 0 // nobody balances load here
	cfg.IssuerURL = "http://" + ln.Addr().String()
	cfg.NATSURL, cfg.RedisURL, cfg.AdminToken = b.nats.URL(), store.URL(), b.admin
	cfg.KeysDir, cfg.UsersFile = t.TempDir(), usersFile(t)
	if change != nil {
		change(&cfg)
	}
	testenv.Must(t, cfg.Validate())
	b.url, b.adminURL = cfg.IssuerURL, cfg.IssuerURL
	if cfg.AdminListen != "" {
		b.adminURL = "http://" + cfg.AdminListen
	}
	b.run(t, cfg, ln)
	return b
}

func (b *bench) run(t *testing.T, cfg config.Issuer, ln net.Listener) {
	t.Helper()
	i, err := issuer.New(cfg, slog.New(slog.NewTextHandler(b.logs, &slog.HandlerOptions{Level: slog.LevelDebug})))
	testenv.Must(t, err)
	b.tune(i)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- i.Run(ctx, ln) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the issuer ended with: %v", err)
		}
	})
	t.Cleanup(b.stop)
	testenv.Eventually(t, patience, i.Ready)
}

func usersFile(t *testing.T) string {
	t.Helper()
	h, err := hash()
	testenv.Must(t, err)
	path := filepath.Join(t.TempDir(), "users.yaml")
	testenv.Must(t, os.WriteFile(path, []byte(`users:
  - {username: alice, password_hash: "`+h+`", user_id: u-alice, roles: [user, boss]}
  - {username: bob, password_hash: "`+h+`", user_id: u-bob}
  - {username: carol, password_hash: "`+h+`", user_id: u-carol, tenant: acme, roles: [boss]}
`), 0o600))
	return path
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// A call is one request; body is JSON unless header says otherwise.
type call struct {
	method, url, bearer, body string
	header                    http.Header
}

func (c call) do(t *testing.T) answer {
	t.Helper()
	if c.method == "" {
		c.method = http.MethodGet
		if c.body != "" {
			c.method = http.MethodPost
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), c.method, c.url, strings.NewReader(c.body))
	testenv.Must(t, err)
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range c.header {
		req.Header[name] = values
	}
	if c.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	res, err := http.DefaultClient.Do(req)
	testenv.Must(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	testenv.Must(t, err)
	return answer{res.StatusCode, res.Header, string(body)}
}

// field reads one member of a JSON answer.
func (a answer) field(t *testing.T, name string) any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("%v in %d %s", err, a.status, a.body)
	}
	return m[name]
}

// want checks the status and, of a problem, the code.
func (a answer) want(t *testing.T, what string, status int, code string) {
	t.Helper()
	if a.status != status || code != "" && a.field(t, "code") != code {
		t.Errorf("%s: got %d %s, want %d %s", what, a.status, a.body, status, code)
	}
}

type grant struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	SessionID    string `json:"session_id"`
	ExpiresIn    int64  `json:"expires_in"`
}

func (b *bench) login(t *testing.T, user, tenant string) (g grant) {
	t.Helper()
	a := call{
		url:    b.url + "/v1/login",
		body:   `{"username":"` + user + `","password":"` + password + `","tenant":"` + tenant + `","device":{"id":"d-1","kind":"cli"}}`,
		header: http.Header{"User-Agent": {"bench/1"}},
	}.do(t)
	a.want(t, "login", http.StatusOK, "")
	testenv.Must(t, json.Unmarshal([]byte(a.body), &g))
	return g
}

// awaitEvent returns the first event in the audit stream that matches.
func (b *bench) awaitEvent(t *testing.T, matches func(session.Event) bool) (found session.Event) {
	t.Helper()
	nc, err := nats.Connect(b.nats.URL())
	testenv.Must(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	testenv.Must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var cons jetstream.Consumer
	testenv.Eventually(t, patience, func() error {
		cons, err = js.OrderedConsumer(ctx, "CURFEW_AUDIT_local", jetstream.OrderedConsumerConfig{})
		return err
	})
	for {
		msg, err := cons.Next(jetstream.FetchContext(ctx))
		if err != nil {
			t.Fatalf("no such event: %v", err)
		}
		var e session.Event
		testenv.Must(t, json.Unmarshal(msg.Data(), &e))
		if matches(e) {
			return e
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
