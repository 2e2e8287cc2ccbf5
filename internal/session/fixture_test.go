package session_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/embedded"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/token"
)

const (
	issuer   = "https://issuer.test"
	password = "correct horse"
)

// A bench is a Service on the embedded store, with real keys and users alice
// (u-alice) and bob (u-bob).
type bench struct {
	*session.Service
	rdb     redis.UniversalClient
	store   *redisstore.Store
	ends    *storeRevoker
	trail   *trail
	verify  *token.Verifier
	parts   session.Parts
	restart func(session.Config) *session.Service
}

func newBench(t *testing.T) *bench {
	t.Helper()
	server, err := embedded.StartStore()
	must(t, err)
	t.Cleanup(server.Close)
	return newBenchOn(t, server.URL())
}

func newBenchOn(t *testing.T, url string) *bench {
	t.Helper()
	rdb, err := redisstore.Open(url, redisstore.Options{Timeout: 10 * time.Second})
	must(t, err)
	t.Cleanup(func() { rdb.Close() })
	b := &bench{rdb: rdb, store: redisstore.New(rdb, "test"), trail: &trail{}}
	refill, err := b.store.BeginRefill(t.Context())
	must(t, err)
	must(t, b.store.Vouch(t.Context(), refill, time.Now()))
	keys, err := token.OpenKeyring(token.KeyringConfig{Dir: filepath.Join(t.TempDir(), "keys"), Create: true})
	must(t, err)
	b.verify, err = token.NewVerifier(token.VerifierConfig{Issuer: issuer, Audience: "api", Keys: keys})
	must(t, err)
	b.ends = &storeRevoker{store: b.store}
	parts := session.Parts{Store: b.store, Revoker: b.ends, Minter: keys, Families: keys, Users: users(t), Trail: b.trail, Attempts: redisstore.NewAttempts(rdb, "test"),
		Refreshes: redisstore.NewRefreshes(rdb, "test")}
	b.parts = parts
	b.restart = func(c session.Config) *session.Service { return session.NewService(parts, c) }
	b.Service = b.restart(config())
	return b
}

func config() session.Config {
	return session.Config{
		Issuer: issuer, Audience: []string{"api"}, Region: "test", AccessTTL: 15 * time.Minute,
		RefreshTTL: 2 * time.Hour, SessionMax: 12 * time.Hour, Grace: time.Minute,
	}
}

func users(t *testing.T) *session.Users {
	t.Helper()
	hash, err := session.HashPassword(password)
	must(t, err)
	path := filepath.Join(t.TempDir(), "users.yaml")
	must(t, os.WriteFile(path, []byte(`users:
  - {username: alice, password_hash: "`+hash+`", user_id: u-alice, roles: [admin]}
  - {username: bob, password_hash: "`+hash+`", user_id: u-bob}
`), 0o600))
	loaded, err := session.LoadUsers(path, session.UsersConfig{})
	must(t, err)
	return loaded
}

func (b *bench) login(t *testing.T, username string) session.Grant {
	t.Helper()
	g, err := b.Login(t.Context(), session.Credentials{
		Username: username, Password: password, IP: "192.0.2.7", UserAgent: "test/1",
		Device: session.Device{ID: "d1", Kind: "ios", Name: "phone"},
	})
	must(t, err)
	return g
}

// storeRevoker commits to the store alone; err makes it fail.
type storeRevoker struct {
	store *redisstore.Store
	err   error
	// pending: the log does not take them.
	pending bool

	mu        sync.Mutex
	completed []events.Revocation
}

func (r *storeRevoker) Revoke(ctx context.Context, scope events.Scope, subject, reason, actor string) (session.Receipt, error) {
	return r.Commit(ctx, r.Draft(scope, subject, reason, actor))
}

func (r *storeRevoker) Commit(ctx context.Context, rev events.Revocation) (session.Receipt, error) {
	if r.err != nil {
		return session.Receipt{}, r.err
	}
	draft := r.Draft(rev.Scope, rev.Subject, rev.Reason, rev.Actor)
	draft.Tenant = rev.Tenant
	filed, err := r.store.Revoke(ctx, draft)
	return session.Receipt{RevocationID: filed.ID, Scope: rev.Scope, Subject: rev.Subject, Committed: !r.pending}, err
}

func (r *storeRevoker) Draft(scope events.Scope, subject, reason, actor string) events.Revocation {
	return events.Revocation{
		ID: uuid.NewString(), Scope: scope, Issuer: issuer, Subject: subject,
		TTLMillis: time.Hour.Milliseconds(), Reason: reason, Actor: actor,
	}
}

func (r *storeRevoker) Complete(_ context.Context, filed []events.Revocation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.completed = append(r.completed, filed...)
}

func (r *storeRevoker) reasons(t *testing.T) (out []string) {
	t.Helper()
	for rev, err := range r.store.Live(t.Context()) {
		must(t, err)
		out = append(out, rev.Reason+" by "+rev.Actor)
	}
	return out
}

type trail struct {
	mu     sync.Mutex
	events []session.Event
}

func (t *trail) Record(e session.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, e)
}

func (t *trail) last() session.Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.events) == 0 {
		return session.Event{}
	}
	return t.events[len(t.events)-1]
}

// A tester is a test, or one run of a property.
type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func must(t tester, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t tester, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: got %v, want %v", what, err, want)
	}
}
