package grpcguard_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	pb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/guard/grpcguard"
	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/embedded"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/token"
)

const (
	ceiling   = 30 * time.Second // of any wait
	staleness = 2 * time.Second
	issuer    = "https://issuer.test"
)

var quiet = slog.New(slog.DiscardHandler)

// A mesh is a log and a store with an issuer that keeps them, and a guard that
// follows the log and may not ask the store.
type mesh struct {
	t         *testing.T
	keys      *token.Keyring
	committer *commit.Committer
	guard     *guard.Guard
}

func newMesh(t *testing.T) *mesh {
	t.Helper()
	m := &mesh{t: t}
	var err error
	m.keys, err = token.OpenKeyring(token.KeyringConfig{Dir: t.TempDir(), Create: true})
	testenv.Must(t, err)
	jwks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(m.keys.JWKS()) }))
	t.Cleanup(jwks.Close)
	url := testenv.NATS(t).URL()
	m.keep(url)
	m.guard, err = guard.New(context.Background(), guard.Config{
		ID: "api", NATSURL: url, Issuer: issuer, Audience: "api", JWKSURL: jwks.URL, Staleness: staleness,
	})
	testenv.Must(t, err)
	t.Cleanup(m.guard.Close)
	testenv.Eventually(t, ceiling, m.guard.Ready)
	return m
}

// keep runs an issuer's keeper until the test ends.
func (m *mesh) keep(natsURL string) {
	m.t.Helper()
	redis, err := embedded.StartStore()
	testenv.Must(m.t, err)
	m.t.Cleanup(redis.Close)
	nc, err := events.Connect(natsURL, "", "test", quiet)
	testenv.Must(m.t, err)
	m.t.Cleanup(nc.Close)
	log, err := events.NewJetStream(nc, "local", 1)
	testenv.Must(m.t, err)
	testenv.Must(m.t, log.Ensure(m.t.Context()))
	rdb, err := redisstore.Open(redis.URL(), redisstore.Options{})
	testenv.Must(m.t, err)
	m.t.Cleanup(func() { _ = rdb.Close() })
	m.committer = commit.NewCommitter(redisstore.New(rdb, "local"), log, issuer, 15*time.Minute, quiet)
	keeper := commit.NewKeeper(m.committer, events.NewNATSExchange(nc, "local"), "issuer", staleness, quiet)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		keeper.Run(ctx)
	}()
	m.t.Cleanup(func() {
		cancel()
		<-done
	})
	testenv.Eventually(m.t, ceiling, keeper.Ready)
}

// token mints one of an admin with the scope "read".
func (m *mesh) token(sid string, life time.Duration) string {
	m.t.Helper()
	now := time.Now()
	raw, err := m.keys.Mint(token.Claims{
		Issuer: issuer, Subject: "u-1", ID: uuid.NewString(), SessionID: sid, Tenant: "default", Region: "local", Audience: []string{"api"},
		Roles: []string{"admin"}, Scope: "read", IssuedAt: now, ExpiresAt: now.Add(life), IssuedAtMillis: now.UnixMilli(),
	})
	testenv.Must(m.t, err)
	return raw
}

func (m *mesh) revoke(sid string) {
	m.t.Helper()
	r, err := m.committer.Revoke(m.t.Context(), events.ScopeSession, sid, "test", "test")
	if err != nil || !r.Committed {
		m.t.Fatalf("not committed: %+v, %v", r, err)
	}
}

// dial serves the methods of api and health behind the guard, on a port of its
// own, and connects to it.
func (m *mesh) dial(api pb.TestServiceServer, opts ...grpcguard.Option) *grpc.ClientConn {
	m.t.Helper()
	s := grpc.NewServer(grpc.UnaryInterceptor(grpcguard.Unary(m.guard, opts...)),
		grpc.StreamInterceptor(grpcguard.Stream(m.guard, opts...)))
	pb.RegisterTestServiceServer(s, api)
	grpc_health_v1.RegisterHealthServer(s, health.NewServer())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	testenv.Must(m.t, err)
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	m.t.Cleanup(func() {
		s.Stop()
		testenv.Must(m.t, <-done)
	})
	conn, err := grpc.NewClient(ln.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	testenv.Must(m.t, err)
	m.t.Cleanup(func() { _ = conn.Close() })
	return conn
}
