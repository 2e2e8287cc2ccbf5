//go:build unix

package doors_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/edge"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/ceiling"
	"github.com/curfew-auth/curfew/internal/testenv/faultproxy"
	"github.com/curfew-auth/curfew/internal/testenv/port"
	"github.com/curfew-auth/curfew/internal/up"
)

const (
	bound = 5 * time.Second // B of the edge, which has no store to ask when it is late
	// patience is for what has no bound of its own on a busy machine.
	patience = 60 * time.Second
)

// A world is a cluster whose edge the proxies ask, through a line that can
// break, and the application behind them.
type world struct {
	cluster *up.Cluster
	edge    *faultproxy.Proxy // between proxies and edge
	log     *faultproxy.Proxy // between edge and NATS
	natsURL string            // through that line
	app     *app
	key     ed25519.PrivateKey // of the edges' assertions
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ceiling.Of(t, 6*time.Minute) // four doors, and some steps wait for timeouts of the proxies
	c, err := up.Start(context.Background(), up.Options{Edges: 1, Log: slog.New(slog.DiscardHandler)})
	testenv.Must(t, err)
	t.Cleanup(func() { testenv.Must(t, c.Close()) })
	nats, err := url.Parse(c.NATSURL)
	testenv.Must(t, err)
	_, key, err := ed25519.GenerateKey(nil)
	testenv.Must(t, err)
	w := &world{cluster: c, log: testenv.Proxy(t, nats.Host), app: newApp(t), key: key}
	nats.Host = w.log.Addr()
	w.natsURL = nats.String()
	w.edge = testenv.Proxy(t, w.startEdge(t, func(*config.Edge) {}))
	return w
}

// startEdge starts an edge without a store: what it cannot know it refuses.
func (w *world) startEdge(t *testing.T, change func(*config.Edge)) (address string) {
	t.Helper()
	var cfg config.Edge
	config.Defaults(&cfg)
	cfg.EdgeID, cfg.IssuerURL, cfg.NATSURL, cfg.RedisURL, cfg.Staleness = "door", w.cluster.IssuerURL, w.natsURL, config.NoRedis, bound
	cfg.DrainDelay, cfg.Assertion, cfg.AssertionKey = 0, "app", w.assertionKey(t)
	change(&cfg)
	cfg.Resolve()
	e, err := edge.New(cfg, slog.New(slog.DiscardHandler))
	testenv.Must(t, err)
	ln, err := port.Listen()
	testenv.Must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = e.Run(ctx, ln) }) // connections kept by proxies are cut in the end
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	testenv.Eventually(t, patience, e.Ready)
	return ln.Addr().String()
}

// assertionKey writes the key with which all edges sign, and that ours trusts.
func (w *world) assertionKey(t *testing.T) (file string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(w.key)
	testenv.Must(t, err)
	file = filepath.Join(t.TempDir(), "key.pem")
	testenv.Must(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	return file
}

// passingTo makes an edge a proxy itself.
func passingTo(url string) func(*config.Edge) { return func(c *config.Edge) { c.Upstream = url } }

// login returns an access token of alice.
func (w *world) login(t *testing.T) string {
	t.Helper()
	return w.loginAs(t, w.cluster.Users[0])
}

func (w *world) loginAs(t *testing.T, u up.User) string {
	t.Helper()
	body, err := json.Marshal(map[string]string{"username": u.Username, "password": u.Password})
	testenv.Must(t, err)
	res, err := http.Post(w.cluster.IssuerURL+"/v1/login", "application/json", bytes.NewReader(body))
	testenv.Must(t, err)
	defer res.Body.Close()
	var grant struct {
		AccessToken string `json:"access_token"`
	}
	testenv.Must(t, json.NewDecoder(res.Body).Decode(&grant))
	return grant.AccessToken
}

func (w *world) logout(t *testing.T, token string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.cluster.IssuerURL+"/v1/logout", nil)
	testenv.Must(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	testenv.Must(t, err)
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("logout: %d", res.StatusCode)
	}
}

// An app is the service behind a proxy. It remembers what reached it.
type app struct {
	address string

	mu   sync.Mutex
	seen []seen
}

type seen struct {
	method, target, body string
	header               http.Header
}

func newApp(t *testing.T) *app {
	a := &app{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a.mu.Lock()
		a.seen = append(a.seen, seen{r.Method, r.RequestURI, string(body), r.Header.Clone()})
		a.mu.Unlock()
		w.Header().Set("X-App", "reached")
	}))
	t.Cleanup(s.Close)
	a.address = s.Listener.Addr().String()
	return a
}

// got lists, in order, what reached the app with a target that begins with
// the prefix.
func (a *app) got(target string) (out []seen) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.seen {
		if path, _, _ := bytes.Cut([]byte(s.target), []byte("?")); string(path) == target {
			out = append(out, s)
		}
	}
	return out
}
