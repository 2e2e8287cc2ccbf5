package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/testenv/backend"
	"github.com/curfew-auth/curfew/internal/token"
)

const (
	issuer   = "https://issuer.test"
	audience = "api"
	patience = 2 * time.Minute // a ceiling for everything that is waited for
)

var quiet = slog.New(slog.DiscardHandler)

// A world is what edges and peers need: NATS with JetStream in this process, a
// redis-server, signing keys and where they are published, and somebody who
// answers the edges' question.
type world struct {
	dir   string
	nats  *server.Server
	redis *backend.Redis
	keys  *token.Keyring
	jwks  string // URL
	token string // a good one
	log   *events.JetStream

	public ed25519.PublicKey
	parser *jwt.Parser
	ends   []func()
}

func newWorld(ctx context.Context) (_ *world, err error) {
	w := &world{}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.dir, err = os.MkdirTemp("", "curfew-bench-"); err != nil {
		return nil, err
	}
	w.ends = append(w.ends, func() { _ = os.RemoveAll(w.dir) })
	return w, errors.Join(w.openKeys(), w.startNATS(), w.startRedis(ctx), w.serveKeys())
}

// close undoes everything, last things first.
func (w *world) close() {
	for len(w.ends) > 0 {
		last := w.ends[len(w.ends)-1]
		w.ends = w.ends[:len(w.ends)-1]
		last()
	}
}

func (w *world) openKeys() error {
	dir := filepath.Join(w.dir, "keys")
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "bench.pem"), block, 0o600)); err != nil {
		return err
	}
	w.public = public
	w.parser = jwt.NewParser(jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithStrictDecoding())
	if w.keys, err = token.OpenKeyring(token.KeyringConfig{Dir: dir}); err != nil {
		return err
	}
	now := time.Now()
	w.token, err = w.keys.Mint(token.Claims{
		Issuer: issuer, Subject: "user-0197f3c8", ID: rand.Text(), SessionID: rand.Text(), Tenant: "default", Region: "local",
		Audience: []string{audience}, Roles: []string{"user", "editor"}, IssuedAt: now, ExpiresAt: now.Add(12 * time.Hour),
		IssuedAtMillis: now.UnixMilli(),
	})
	return err
}

// verify is what a careful user of golang-jwt does.
func (w *world) verify(raw string) (*jwt.RegisteredClaims, error) {
	claims := &jwt.RegisteredClaims{}
	_, err := w.parser.ParseWithClaims(raw, claims, func(*jwt.Token) (any, error) { return w.public, nil })
	return claims, err
}

func (w *world) startNATS() (err error) {
	w.nats, err = server.NewServer(&server.Options{
		ServerName: "bench", Host: "127.0.0.1", Port: server.RANDOM_PORT,
		JetStream: true, StoreDir: filepath.Join(w.dir, "jetstream"), NoSigs: true, NoLog: true,
	})
	if err != nil {
		return err
	}
	go w.nats.Start()
	w.ends = append(w.ends, func() {
		w.nats.Shutdown()
		w.nats.WaitForShutdown()
	})
	if !w.nats.ReadyForConnections(patience) {
		return errors.New("nats-server does not start")
	}
	nc, err := w.connect()
	if err != nil {
		return err
	}
	w.log, err = events.NewJetStream(nc, "local", 1)
	return errors.Join(err, w.log.Ensure(context.Background()))
}

// connect opens a connection that lives as long as the world.
func (w *world) connect() (*nats.Conn, error) {
	nc, err := events.Connect(w.nats.ClientURL(), "", "bench", quiet)
	if err == nil {
		w.ends = append(w.ends, nc.Close)
	}
	return nc, err
}

func (w *world) startRedis(ctx context.Context) (err error) {
	w.redis, err = backend.StartRedis(ctx, backend.RedisOptions{Dir: filepath.Join(w.dir, "redis"), Name: "bench"})
	if err == nil {
		w.ends = append(w.ends, func() { _ = w.redis.Kill() })
	}
	return err
}

// goRedis opens a client as users do.
func (w *world) goRedis() (*redis.Client, error) {
	opts, err := redis.ParseURL(w.redis.URL())
	if err != nil {
		return nil, err
	}
	return redis.NewClient(opts), nil
}

func (w *world) serveKeys() error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/jwk-set+json")
		_, _ = rw.Write(w.keys.JWKS())
	})}
	w.jwks = "http://" + ln.Addr().String()
	go func() { _ = s.Serve(ln) }()
	w.ends = append(w.ends, func() { _ = s.Close() })
	return nil
}

// answer stands for an issuer towards the edges: it commits beats.
func (w *world) answer(ctx context.Context) error {
	nc, err := w.connect()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	follower := events.NewFollower(w.log, func([]events.Message) error { return nil }, quiet)
	done := make(chan struct{})
	go func() {
		defer close(done)
		follower.Run(ctx)
	}()
	w.ends = append(w.ends, func() {
		cancel()
		<-done
	})
	barrier := events.NewBarrier(w.log, follower, events.RoleIssuer, "bench", 100*time.Millisecond)
	state, err := w.log.State(ctx)
	if err != nil {
		return err
	}
	reached, stop := context.WithTimeout(ctx, patience)
	defer stop()
	if _, err := follower.Wait(reached, "", state.LastSeq); err != nil {
		return err
	}
	pos, err := barrier.Probe(ctx)
	if err != nil {
		return err
	}
	barrier.Admit(pos)
	_, err = events.NewNATSExchange(nc, "local").Serve(ctx, barrier.Answer)
	return err
}
