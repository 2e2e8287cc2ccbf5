package guard

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/cache"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/fleet"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/token"
)

const (
	sweepInterval = 5 * time.Second
	// doubtFor is how long an entry that could not be read puts every
	// "clear" in doubt, if the log does not say how long it lives.
	doubtFor = time.Hour
	// tokenBytes bounds the memory for verified tokens.
	tokenBytes = 256 << 20
)

// A Guard decides about tokens. Make one with [New].
type Guard struct {
	config   Config
	verifier *token.Issuers
	remote   *token.RemoteKeys
	foreign  []*token.RemoteKeys // of the trusted issuers
	lives    map[string]*life    // of revocations of the trusted issuers
	keys     cache.Keys
	copy     *cache.Copy
	tokens   *cache.Tokens[*verified]
	fallback *fallback
	follower *events.Follower
	sync     *events.Sync
	metrics  *metrics
	watches  *watches
	clocks   *clocks

	revokedKeys *revokedKeys
	reporter    *fleet.Reporter
	reserve     fleet.Reserve

	nc          *nats.Conn
	rdb         redis.UniversalClient
	reconnected <-chan struct{}
	poke        chan struct{} // of capacity 1: has the sync ask at once

	wasFresh   atomic.Bool
	lag        atomic.Uint64                   // messages behind, at the last batch
	whole      atomic.Pointer[events.Position] // up to which the copy was last known to be complete
	store      atomic.Value                    // string: the store's state at the last look
	complained atomic.Int64
	load       load          // of the reporter
	changed    chan struct{} // of capacity 1: has it report at once
	stop       context.CancelFunc
	running    sync.WaitGroup
}

// logRedis: go-redis has one log for the whole process, standard error unless somebody
// sets it.
var logRedis sync.Once

// New makes a guard and starts following. It does not wait for the servers:
// until they are there the guard is not ready, and Check returns ErrUnknown.
// The guard runs until ctx ends or Close is called.
func New(ctx context.Context, cfg Config) (*Guard, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	g := &Guard{config: cfg, watches: newWatches(), changed: make(chan struct{}, 1), poke: make(chan struct{}, 1), keys: cache.NewKeys(), remote: token.NewRemoteKeys(cfg.JWKSURL, token.KeysClient(cfg.IssuerTLS), cfg.Log)}
	logRedis.Do(func() { redisstore.SetLog(cfg.Log) })
	g.store.Store(storeDown)
	if err := errors.Join(g.openMemory(), g.openServers()); err != nil {
		g.closeServers()
		return nil, fmt.Errorf("guard: %w", err)
	}
	g.metrics = newMetrics(cfg.Registerer, g)
	g.reporter = g.newReporter()
	g.sync.Exchange = fleet.Announced{Exchange: g.sync.Exchange, Reporter: g.reporter}
	ctx, g.stop = context.WithCancel(ctx)
	for _, keys := range append(g.foreign, g.remote) {
		g.running.Go(func() { _ = keys.Run(ctx) })
	}
	for _, loop := range []func(context.Context){
		g.follower.Run, g.sync.Run, g.sweep, g.watch, g.recheckAll, g.endOverdue, g.reporter.Run,
		g.watchClocks, g.passReconnects,
	} {
		g.running.Go(func() { loop(ctx) })
	}
	return g, nil
}

func (g *Guard) openMemory() (err error) {
	cfg := g.config
	g.copy, err = cache.New(cache.Config{Entries: cfg.CacheEntries, Staleness: cfg.Staleness, Elapsed: cache.Boottime()})
	if err != nil {
		return err
	}
	g.reserve.Elapsed = g.copy.Now
	g.clocks = newClocks(g.copy.Now, cfg.Log)
	if g.tokens, err = cache.NewTokens[*verified](cfg.CacheEntries, tokenBytes); err != nil {
		return err
	}
	keys, err := token.WithSecret(g.remote, cfg.HS256Secret)
	if err != nil {
		return err
	}
	own, err := token.NewVerifier(token.VerifierConfig{
		Issuer: cfg.Issuer, Audience: cfg.Audience, Region: cfg.Region, Leeway: cfg.Leeway, Keys: keys,
	})
	if err != nil {
		return err
	}
	return errors.Join(g.openTrusted(own), g.openRevokedKeys())
}

func (g *Guard) openServers() (err error) {
	cfg := g.config
	var lookup store
	if cfg.RedisURL != "" {
		if g.rdb, err = redisstore.Open(cfg.RedisURL, redisstore.Options{Timeout: cfg.lookupTimeout, TLS: cfg.RedisTLS}); err != nil {
			return err
		}
		if cfg.TracerProvider != nil {
			redisstore.Trace(g.rdb)
		}
		lookup = redisstore.NewLookup(g.rdb, cfg.Region)
	}
	g.fallback = newFallback(lookup, g.copy.Staleness, g.copy.Now, cfg.Log)
	g.fallback.timeout = cfg.lookupTimeout
	if g.nc, err = events.Connect(cfg.NATSURL, cfg.NATSCreds, "curfew edge "+cfg.ID, cfg.Log,
		events.InboxPrefix(cfg.NATSInboxPrefix), events.Encrypted(cfg.NATSTLS)); err != nil {
		return err
	}
	log, err := events.NewJetStreamAt(g.nc, cfg.NATSJSPrefix, cfg.Region, 1)
	if err != nil {
		return err
	}
	g.reconnected = events.Reconnects(g.nc)
	g.follower = events.NewFollower(log, g.apply, cfg.Log)
	g.sync = &events.Sync{
		Exchange: events.NewNATSExchange(g.nc, cfg.Region),
		Follower: g.follower,
		Barrier:  events.NewBarrier(log, g.follower, events.RoleEdge, cfg.ID, cfg.Staleness/50),
		Interval: cfg.Staleness / 4,
		Elapsed:  g.copy.Now,
		Renew:    g.renew,
		Lose:     g.copy.Lose,
		Poke:     g.poke,
		Log:      cfg.Log,
	}
	g.sync.Barrier.Staleness, g.sync.Barrier.Elapsed = g.copy.Staleness, g.copy.Now
	return nil
}

// Close stops following. Checks made afterwards return ErrUnknown.
func (g *Guard) Close() {
	g.stop()
	g.running.Wait()
	g.copy.Lose()
	g.closeStore()
	g.reporter.Leave() // only now: no request passes any more
	g.closeServers()
}

func (g *Guard) closeServers() {
	if g.nc != nil {
		g.nc.Close()
	}
	g.closeStore()
}

func (g *Guard) closeStore() {
	if g.rdb != nil {
		_ = g.rdb.Close() // twice is harmless
	}
}

// apply takes a batch of the log into the copy. This is where a revocation
// takes effect on this node.
func (g *Guard) apply(batch []events.Message) error {
	g.lag.Store(batch[len(batch)-1].Pending)
	for _, m := range batch {
		switch m.Kind {
		case events.KindRevocation:
			g.applyRevocation(m)
		case events.KindGarbage:
			g.metrics.garbage.Inc()
			g.config.Log.Error("garbage in the log: somebody writes there who must not", "seq", m.Seq, "bytes", len(m.Data))
		case events.KindBeat:
			if b, ok := events.DecodeBeat(m); ok {
				g.heardBeat(m, b)
			}
		}
	}
	return nil
}

// applyRevocation never passes over an entry: while one lives that it cannot
// read, perhaps from a newer issuer, nothing is clear, and the store's word is
// not enough either, since the store is asked only about what is known here.
// So upgrade edges before issuers.
func (g *Guard) applyRevocation(m events.Message) {
	defer g.tracing(&m)()
	r, err := events.DecodeRevocation(m.Data)
	if err != nil {
		g.metrics.unreadable.Inc()
		g.config.Log.Error("unreadable revocation in the log: refusing what it may concern until it expires", "seq", m.Seq, "error", err)
		g.copy.Doubt(max(m.TTL, doubtFor))
		return
	}
	g.hold(r)
	g.reserve.Keep(r, m)
	g.copy.TraceApplied(m.Epoch, m.Seq, r.ID, m.TTL)
	g.propagated(m, r)
	g.wakeLive(r)
}

func (g *Guard) sweep(ctx context.Context) {
	for events.Sleep(ctx, sweepInterval) {
		g.copy.Sweep()
		g.revokedKeys.sweep()
	}
}
