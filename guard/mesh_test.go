package guard_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/embedded"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/faultproxy"
	"github.com/curfew-auth/curfew/internal/token"
)

const (
	staleness = 2 * time.Second
	// ceiling is what any wait may take on a machine that does much else.
	ceiling = 30 * time.Second
	// patientLookup is LookupTimeout for tests that want the store's answer:
	// a busy machine may take longer.
	patientLookup = 500 * time.Millisecond
	issuer        = "https://issuer.test"
	api           = "api"
)

var quiet = slog.New(slog.DiscardHandler)

// A mesh is everything around a guard: the log and the store, each behind a
// proxy that only the guard goes through, and the issuer's keys.
type mesh struct {
	t         *testing.T
	nats      *testenv.NATSServer
	toNATS    *faultproxy.Proxy
	redis     *embedded.Store
	toRedis   *faultproxy.Proxy
	redisURL  string // through the proxy
	keys      *token.Keyring
	jwks      *httptest.Server
	withhold  atomic.Bool // of the keys
	published atomic.Pointer[token.Keyring]
	log       *events.JetStream
	exchange  *events.NATSExchange
	store     *redisstore.Store
	committer *commit.Committer
	region    string
}

func newMesh(t *testing.T) *mesh {
	t.Helper()
	m := &mesh{t: t, nats: testenv.NATS(t), region: "local"}
	var err error
	m.redis, err = embedded.StartStore()
	testenv.Must(t, err)
	t.Cleanup(m.redis.Close)
	m.toNATS = testenv.Proxy(t, strings.TrimPrefix(m.nats.URL(), "nats://"))
	m.toRedis = testenv.Proxy(t, m.redis.Server.Addr())
	u, err := url.Parse(m.redis.URL())
	testenv.Must(t, err)
	u.Host = m.toRedis.Addr()
	m.redisURL = u.String()
	m.openKeys()
	m.openServers()
	return m
}

func (m *mesh) openKeys() {
	var err error
	m.keys, err = token.OpenKeyring(token.KeyringConfig{Dir: m.t.TempDir(), Create: true})
	testenv.Must(m.t, err)
	m.published.Store(m.keys)
	m.jwks = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if m.withhold.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/jwk-set+json")
		_, _ = w.Write(m.published.Load().JWKS())
	}))
	m.t.Cleanup(m.jwks.Close)
}

func (m *mesh) openServers() {
	nc, err := events.Connect(m.nats.URL(), "", "test", quiet)
	testenv.Must(m.t, err)
	m.t.Cleanup(nc.Close)
	m.log, err = events.NewJetStream(nc, "local", 1)
	testenv.Must(m.t, err)
	testenv.Must(m.t, m.log.Ensure(m.t.Context()))
	m.exchange = events.NewNATSExchange(nc, "local")
	rdb, err := redisstore.Open(m.redis.URL(), redisstore.Options{})
	testenv.Must(m.t, err)
	m.t.Cleanup(func() { _ = rdb.Close() })
	m.store = redisstore.New(rdb, "local")
	m.committer = commit.NewCommitter(m.store, m.log, issuer, 15*time.Minute, quiet)
}

// keep runs an issuer's keeper, without which nothing is fresh or vouched for,
// until the test ends or stop is called.
func (m *mesh) keep() (stop func()) {
	m.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	keeper := commit.NewKeeper(m.committer, m.exchange, "issuer", staleness, quiet)
	done := make(chan struct{})
	go func() {
		defer close(done)
		keeper.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	m.t.Cleanup(stop)
	testenv.Eventually(m.t, ceiling, keeper.Ready)
	return stop
}

// vouch declares the store complete; nobody renews that.
func (m *mesh) vouch() {
	m.t.Helper()
	refill, err := m.store.BeginRefill(m.t.Context())
	testenv.Must(m.t, err)
	now, err := m.store.Now(m.t.Context())
	testenv.Must(m.t, err)
	testenv.Must(m.t, m.store.Vouch(m.t.Context(), refill, now))
}

// vouchUntilAllowed does so before each check: on a busy machine one vouch may
// be over before the store has answered in time.
func (m *mesh) vouchUntilAllowed(n *node, raw string) {
	m.t.Helper()
	testenv.Eventually(m.t, ceiling, func() error {
		m.vouch()
		_, err := n.Check(m.t.Context(), raw)
		return err
	})
}

// keepVouching does so again and again until the test ends.
func (m *mesh) keepVouching() {
	m.t.Helper()
	m.vouch()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for events.Sleep(ctx, staleness/10) {
			if now, err := m.store.Now(ctx); err == nil {
				_, _ = m.store.KeepVouch(ctx, now)
			}
		}
	}()
	m.t.Cleanup(func() {
		cancel()
		<-done
	})
}

// A node is a guard and what it counts.
type node struct {
	*guard.Guard
	registry *prometheus.Registry
}

func (m *mesh) node(change func(*guard.Config)) *node {
	m.t.Helper()
	n := &node{registry: prometheus.NewRegistry()}
	cfg := guard.Config{
		ID: "edge", NATSURL: "nats://" + m.toNATS.Addr(), RedisURL: m.redisURL,
		Issuer: issuer, Audience: api, JWKSURL: m.jwks.URL,
		Staleness: staleness, CacheEntries: 1000, Registerer: n.registry,
	}
	cfg.SetLookupTimeout(patientLookup)
	if change != nil {
		change(&cfg)
	}
	var err error
	n.Guard, err = guard.New(context.Background(), cfg)
	testenv.Must(m.t, err)
	m.t.Cleanup(n.Close)
	return n
}

func withoutStore(c *guard.Config) { c.RedisURL = "" }

// impatient has a node ask the store no longer than users' nodes do.
func impatient(c *guard.Config) { c.SetLookupTimeout(guard.LookupTimeout) }

// alone is withoutStore for tests that want a node to know at every moment,
// also on a machine that is busy for longer than B.
func alone(c *guard.Config) { c.RedisURL, c.Staleness = "", 4*time.Minute }

// count returns the value of one counter or gauge, told by its labels' values.
func (n *node) count(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	families, err := n.registry.Gather()
	testenv.Must(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var values []string
			for _, l := range m.GetLabel() {
				values = append(values, l.GetValue())
			}
			if f.GetName() == name && strings.Join(values, " ") == strings.Join(labels, " ") {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no metric %s %v", name, labels)
	return 0
}

// token mints one for a session. An empty jti means a new one.
func (m *mesh) token(sid, jti string, life time.Duration) string {
	m.t.Helper()
	if jti == "" {
		jti = uuid.NewString()
	}
	now := time.Now()
	raw, err := m.keys.Mint(token.Claims{
		Issuer: issuer, Subject: "u-1", ID: jti, SessionID: sid, Tenant: "default", Region: m.region, Audience: []string{api},
		Roles: []string{"admin"}, IssuedAt: now, ExpiresAt: now.Add(life), IssuedAtMillis: now.UnixMilli(),
	})
	testenv.Must(m.t, err)
	return raw
}

func (m *mesh) commit(scope events.Scope, subject string) {
	m.t.Helper()
	r, err := m.committer.Revoke(m.t.Context(), scope, subject, "test", "test")
	if err != nil || !r.Committed {
		m.t.Fatalf("not committed: %+v, %v", r, err)
	}
}

// eventually waits until Check gives the wanted error, nil for "allowed".
func (n *node) eventually(t *testing.T, raw string, want error) {
	t.Helper()
	testenv.Eventually(t, ceiling, func() error {
		if _, err := n.Check(t.Context(), raw); !errors.Is(err, want) || (want == nil) != (err == nil) {
			return errors.Join(errors.New("not the wanted answer"), err)
		}
		return nil
	})
}

// want checks one answer. On a busy machine a guard may for a moment not know;
// only where "allowed" is wanted, that is asked again.
func (n *node) want(t *testing.T, raw string, want error) {
	t.Helper()
	_, err := n.Check(t.Context(), raw)
	if want == nil && errors.Is(err, guard.ErrUnknown) {
		n.eventually(t, raw, nil)
		return
	}
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}
