package issuer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/curfew-auth/curfew/internal/audit"
	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/fleet"
	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/token"
	"github.com/curfew-auth/curfew/internal/trace"
	"github.com/curfew-auth/curfew/internal/webhook"
)

// finish is how long running requests may take at the end.
const finish = 10 * time.Second

// An Issuer is one issuer node.
type Issuer struct {
	config            config.Issuer
	log               *slog.Logger
	origins           front.Origins
	drain             *front.Drain
	shield, opsShield front.Shield    // of the listeners, and of ops_listen
	traces            *trace.Provider // nil without tracing
	keys              *token.Keyring
	verifier          *token.Verifier
	others            others           // whom we trust besides
	now               func() time.Time // the wall clock, time.Now except in tests
	nc                *nats.Conn
	stream            *events.JetStream
	rdb               redis.UniversalClient
	lookup            *redisstore.Lookup
	store             *redisstore.Store
	sessions          *session.Service
	revoker           *commit.Committer
	keeper            *commit.Keeper
	fleet             *fleet.Registry
	waits             context.Context // ends when the issuer begins to stop
	endWaits          context.CancelFunc
	trail             *audit.Trail
	reader            *audit.Reader
	streams           *streams      // of events, that admins follow
	searches          chan struct{} // a place for each search of the trail
	proxies           front.Proxies
	users             *session.Users // nil without a users file
	logins            session.Authenticator
	meter             *session.Metrics
	admins            []credential
	app               *fiber.App
	adminApp          *fiber.App // nil: the admin calls are on app
	opsApp            *fiber.App // nil without ops_listen
}

// New makes an issuer. It opens keys and users, which must be in order, but
// does not wait for NATS or Redis; the issuer is ready once they are there.
func New(cfg config.Issuer, log *slog.Logger) (*Issuer, error) {
	log = session.LogRequests(log)
	i := &Issuer{
		config: cfg, log: log, admins: credentials(cfg), now: time.Now,
		origins: front.ParseOrigins(cfg.AllowedOrigins), drain: front.NewDrain(cfg.DrainDelay, finish),
	}
	cfg.WarnUnverified(log)
	i.waits, i.endWaits = context.WithCancel(context.Background())
	registry := prometheus.NewRegistry()
	i.meter = session.NewMetrics(registry)
	var err error
	handshakes := front.NewHandshakes(cfg.TLSCert, registry, log)
	if i.shield, err = handshakes.Shield(cfg.Listeners(), front.FiberProtocols...); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if i.opsShield, err = handshakes.Shield(cfg.Operations(), front.FiberProtocols...); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if i.proxies, err = front.ParseProxies(cfg.TrustedProxies); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if i.traces, err = trace.Open(context.Background(), trace.Config{
		Endpoint: cfg.OTLPEndpoint, Sample: cfg.OTLPSample, Service: "curfew-issuer", Instance: cfg.Listen, Log: log,
	}); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if err := errors.Join(i.openKeys(), i.openServers(registry)); err != nil {
		i.close()
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if err := i.openUsers(registry); err != nil {
		i.close()
		return nil, fmt.Errorf("issuer: %w", err)
	}
	i.assemble()
	i.watch(registry)
	i.app = i.newApp(registry)
	if cfg.AdminListen != "" {
		i.adminApp = i.newAdminApp(registry)
	}
	return i, nil
}

func (i *Issuer) openUsers(registry prometheus.Registerer) (err error) {
	if i.config.LoginWebhookURL != "" {
		i.logins = webhook.New(webhook.Config{URL: i.config.LoginWebhookURL, Secret: i.config.LoginWebhookSecret}, i.log)
	}
	if i.config.UsersFile == "" {
		return nil
	}
	hashing := session.NewTurns(i.config.HashConcurrency)
	hashing.Watch(registry)
	i.users, err = session.LoadUsers(i.config.UsersFile, session.UsersConfig{
		Hashing: hashing, Writable: i.config.UsersFileWritable, Log: i.log,
		Cost: session.Cost{Memory: uint32(i.config.HashMemory), Passes: uint32(i.config.HashPasses)}, // within bounds
	})
	i.logins = session.FirstOf(i.users, i.logins)
	return err
}

func (i *Issuer) openKeys() (err error) {
	keys := keyringConfig(i.config, i.log)
	keys.Rotated = i.keyRotated // by Run, once there is a trail
	if i.keys, err = token.OpenKeyring(keys); err != nil {
		return err
	}
	i.log.Info("signing keys opened", "dir", i.config.KeysDir, "signing_kid", i.keys.SigningKeyID())
	i.verifier, err = token.NewVerifier(token.VerifierConfig{
		Issuer: i.config.IssuerURL, Audience: i.config.Audience, Region: i.config.Region, Keys: i.keys,
		Now: func() time.Time { return i.now() },
	})
	if err != nil {
		return err
	}
	return i.openTrusted()
}

func (i *Issuer) openServers(registry prometheus.Registerer) (err error) {
	cfg := i.config
	toRedis, err := cfg.Encryption.Redis().Config(i.log)
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	toNATS, err := cfg.Encryption.NATS().Config(i.log)
	if err != nil {
		return fmt.Errorf("nats: %w", err)
	}
	if i.rdb, err = redisstore.Open(cfg.RedisURL, redisstore.Options{TLS: toRedis}); err != nil {
		return err
	}
	if i.traces != nil {
		redisstore.Trace(i.rdb)
	}
	i.lookup = redisstore.NewLookup(i.rdb, cfg.Region)
	if i.nc, err = events.Connect(cfg.NATSURL, cfg.NATSCreds, "curfew issuer", i.log,
		events.InboxPrefix(cfg.NATSInboxPrefix), events.Encrypted(toNATS)); err != nil {
		return err
	}
	if i.stream, err = events.NewJetStreamAt(i.nc, cfg.NATSJSPrefix, cfg.Region, cfg.NATSReplicas); err != nil {
		return err
	}
	i.trail, err = audit.New(i.nc, audit.Config{
		API: cfg.NATSJSPrefix, Region: cfg.Region, Replicas: cfg.NATSReplicas, MaxAge: cfg.AuditMaxAge, MaxBytes: int64(cfg.AuditMaxBytes),
	}, registry, i.log)
	if err != nil {
		return err
	}
	i.streams, i.searches = newStreams(cfg.EventStreams, registry), make(chan struct{}, maxSearches)
	i.reader, err = audit.NewReader(i.nc, cfg.NATSJSPrefix, cfg.Region)
	return err
}

// assemble puts the rules on top of the servers.
func (i *Issuer) assemble() {
	cfg := i.config
	i.store = redisstore.New(i.rdb, cfg.Region)
	i.revoker = commit.NewCommitter(i.store, events.Marking(i.stream, i.mark), cfg.IssuerURL, cfg.AccessTTL, i.log)
	i.revoker.SessionMax = cfg.SessionMax
	i.keeper = commit.NewKeeper(i.revoker, events.NewNATSExchange(i.nc, cfg.Region), uuid.NewString(), cfg.Staleness, i.log)
	i.fleet = fleet.NewRegistry(i.nc, cfg.Region, i.keeper.Staleness, i.keeper.Position, i.log)
	i.keeper.Offers = func(ctx context.Context, known []uint64, patience time.Duration) iter.Seq[events.Revocation] {
		return i.fleet.Offers(ctx, known, i.marked, patience)
	}
	i.sessions = session.NewService(session.Parts{
		Store: i.store, Revoker: i.revoker, Minter: i.keys, Families: i.keys, Users: i.logins, Trail: i.trail,
		Attempts: redisstore.NewAttempts(i.rdb, cfg.Region), Metrics: i.meter,
		Refreshes: redisstore.NewRefreshes(i.rdb, cfg.Region), Log: i.log,
	}, session.Config{
		Issuer: cfg.IssuerURL, Audience: []string{cfg.Audience}, Region: cfg.Region,
		AccessTTL: cfg.AccessTTL, RefreshTTL: cfg.RefreshTTL, SessionMax: cfg.SessionMax, Grace: cfg.RefreshGrace,
		Login: session.LoginLimits{
			LockThreshold: cfg.LoginLockThreshold, LockWindow: cfg.LoginLockWindow, LockDuration: cfg.LoginLockDuration,
			IPLimit: cfg.LoginIPLimit, IPWindow: cfg.LoginIPWindow,
		},
		RefreshAlarm: session.RefreshAlarm{Count: cfg.RefreshAlarmCount, Window: cfg.RefreshAlarmWindow},
		FixedEnd:     !cfg.Sliding, BindDevice: cfg.BindDevice,
		Limit: session.Limit{
			Total: cfg.SessionLimit, PerKind: cfg.SessionLimitPerKind, Refuse: cfg.SessionLimitPolicy == config.Refuse,
		},
	})
}

// mark is that of a revocation, which counts in this region alone.
func (i *Issuer) mark(data []byte) string { return i.keys.Mark(i.config.Region, data) }

func (i *Issuer) marked(data []byte, mark string) bool {
	return i.keys.Marked(i.config.Region, data, mark)
}

// Run serves on ln until ctx ends, then drains.
func (i *Issuer) Run(ctx context.Context, ln net.Listener) error {
	defer i.close()
	defer context.AfterFunc(ctx, i.endWaits)()
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { i.keeper.Run(inner) })
	running.Go(func() { i.trail.Run(inner) })
	running.Go(func() { i.fleet.Run(inner) })
	if i.users != nil {
		running.Go(func() { i.users.Follow(inner) })
	}
	running.Go(func() { _ = i.keys.Run(inner) })
	for _, keys := range i.others.keys {
		running.Go(func() { _ = keys.Run(inner) })
	}
	err := i.serve(ctx, ln)
	stop() // only after the last request: it may still revoke
	running.Wait()
	return err
}

// serve serves the public calls on ln, and the admin calls and what is for operators
// where they have listeners of their own. When one breaks, all end.
func (i *Issuer) serve(ctx context.Context, ln net.Listener) error {
	i.log.Info("issuer listening", "address", ln.Addr().String())
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(ctx, i.endStreams)()
	running, ctx := errgroup.WithContext(ctx)
	for _, more := range []struct {
		setting, address string
		app              *fiber.App
		shield           front.Shield
	}{
		{"admin_listen", i.config.AdminListen, i.adminApp, i.shield},
		{"ops_listen", i.config.OpsListen, i.opsApp, i.opsShield},
	} {
		if more.app == nil {
			continue
		}
		own, err := new(net.ListenConfig).Listen(ctx, "tcp", more.address)
		if err != nil {
			return errors.Join(fmt.Errorf("issuer: %s: %w", more.setting, err), ln.Close())
		}
		i.log.Info(more.setting+" listening", "address", own.Addr().String())
		running.Go(func() error { return front.Serve(ctx, more.app, own, more.shield, i.drain) })
	}
	running.Go(func() error { return front.Serve(ctx, i.app, ln, i.shield, i.drain) })
	return running.Wait()
}

// endStreams ends the streams of events, which do not end by themselves, when
// the drain stops listening: whoever comes back earlier might meet us again.
func (i *Issuer) endStreams() { time.AfterFunc(i.config.DrainDelay, i.streams.end) }

// Ready returns nil once the issuer can sign in and out, until it drains.
func (i *Issuer) Ready() error { return cmp.Or(i.drain.Ready(), i.keeper.Ready()) }

func (i *Issuer) close() {
	i.traces.Close()
	if i.streams != nil {
		i.streams.end()
	}
	i.endWaits()
	if i.nc != nil {
		i.nc.Close()
	}
	if i.rdb != nil {
		_ = i.rdb.Close()
	}
}
