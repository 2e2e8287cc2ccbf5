package edge

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/curfew-auth/curfew/api"
	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/loopback"
	"github.com/curfew-auth/curfew/internal/trace"
)

// finish is how long running requests may take at the end.
const finish = 10 * time.Second

// An Edge is one edge node.
type Edge struct {
	config config.Edge
	log    *slog.Logger
	guard  *guard.Guard
	modes  modes
	// origins may use cookies here.
	origins front.Origins
	drain   *front.Drain
	// shield is that of the listener, the others those of ext_authz_listen and
	// ops_listen.
	shield, doorShield, opsShield front.Shield
	traces                        *trace.Provider // nil without tracing
	renewer                       *renewer        // nil without silent renewal
	app                           *fiber.App
	// upstream is nil for an edge that only decides. Such an edge is Fiber
	// alone; with an upstream it is Fiber behind net/http (docs/adr/0009).
	upstream *upstream
	extAuthz *extAuthz  // nil without ext_authz_listen
	opsApp   *fiber.App // nil without ops_listen
}

// New makes an edge. It begins to follow at once, but does not wait for NATS,
// Redis or the issuer; it is ready once it has replayed the log.
func New(cfg config.Edge, log *slog.Logger) (*Edge, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	e := &Edge{
		config: cfg, log: log, modes: newModes(cfg.CheckMode, cfg.CheckModes),
		origins: front.ParseOrigins(cfg.AllowedOrigins), drain: front.NewDrain(cfg.DrainDelay, finish),
	}
	if cfg.HS256Secret != "" {
		log.Warn("hs256_secret: whoever reads it here can sign tokens for anybody; docs/keys.md says what to use instead")
	}
	warnOfPlainKeys(cfg.TrustedIssuers, log)
	cfg.WarnUnverified(log)
	var err error
	if err := e.openTLS(registry); err != nil {
		return nil, fmt.Errorf("edge: %w", err)
	}
	peers, err := newPeers(cfg, log)
	if err != nil {
		return nil, fmt.Errorf("edge: %w", err)
	}
	if cfg.Renew {
		e.renewer = newRenewer(cfg.RenewURL, peers.issuer, registry, log)
	}
	if e.traces, err = trace.Open(context.Background(), trace.Config{
		Endpoint: cfg.OTLPEndpoint, Sample: cfg.OTLPSample, Service: "curfew-edge", Instance: cfg.EdgeID, Log: log,
	}); err != nil {
		return nil, fmt.Errorf("edge: %w", err)
	}
	e.guard, err = guard.New(context.Background(), guard.Config{
		ID: cfg.EdgeID, URL: cfg.EdgeURL, Region: cfg.Region,
		NATSURL: cfg.NATSURL, NATSCreds: cfg.NATSCreds, NATSJSPrefix: cfg.NATSJSPrefix, NATSInboxPrefix: cfg.NATSInboxPrefix, RedisURL: cfg.RedisURL,
		Issuer: cfg.IssuerURL, Audience: cfg.Audience, JWKSURL: cfg.JWKSURL,
		Staleness: cfg.Staleness, Leeway: cfg.Leeway, CacheEntries: cfg.CacheEntries,
		HS256Secret: cfg.HS256Secret, TrustedIssuers: peers.trusted,
		NATSTLS: peers.nats, RedisTLS: peers.redis, IssuerTLS: peers.issuer,
		FailOpen: cfg.FailMode == "allow", Mode: e.modes.strictest,
		Log: log, Registerer: registry, TracerProvider: e.traces.API(),
	})
	if err != nil {
		return nil, fmt.Errorf("edge: %w", err)
	}
	if e.app, err = e.newApp(registry, peers.upstream); err != nil {
		e.guard.Close()
		return nil, fmt.Errorf("edge: %w", err)
	}
	if cfg.ExtAuthzListen != "" {
		e.extAuthz = newExtAuthz(e.app, newNaming(cfg.IdentityHeaders))
	}
	return e, nil
}

func (e *Edge) openTLS(registry prometheus.Registerer) (err error) {
	files, protocols := e.config.Listeners(), front.FiberProtocols
	if e.config.Upstream != "" {
		protocols = front.HTTPProtocols
	}
	handshakes := front.NewHandshakes(files.Cert, registry, e.log)
	if e.shield, err = handshakes.Shield(files, protocols...); err != nil {
		return err
	}
	if e.doorShield, err = handshakes.Shield(files, front.HTTP2); err != nil {
		return err
	}
	e.opsShield, err = handshakes.Shield(e.config.Operations(), front.FiberProtocols...)
	return err
}

// Run serves on ln until ctx ends, then drains.
func (e *Edge) Run(ctx context.Context, ln net.Listener) error {
	defer e.traces.Close()
	defer e.guard.Close() // only after the last request
	e.log.Info("edge listening", "address", ln.Addr().String())
	running, ctx := errgroup.WithContext(ctx)
	if e.extAuthz != nil {
		asked, err := new(net.ListenConfig).Listen(ctx, "tcp", e.config.ExtAuthzListen)
		if err != nil {
			return errors.Join(fmt.Errorf("edge: ext_authz_listen: %w", err), ln.Close())
		}
		running.Go(func() error { return e.extAuthz.serve(ctx, asked, e.doorShield, e.config.DrainDelay) })
	}
	if e.opsApp != nil {
		ops, err := new(net.ListenConfig).Listen(ctx, "tcp", e.config.OpsListen)
		if err != nil {
			return errors.Join(fmt.Errorf("edge: ops_listen: %w", err), ln.Close())
		}
		running.Go(func() error { return front.Serve(ctx, e.opsApp, ops, e.opsShield, e.drain) })
	}
	running.Go(func() error { return e.serve(ctx, ln) })
	return running.Wait()
}

func (e *Edge) serve(ctx context.Context, ln net.Listener) error {
	if e.upstream == nil {
		return front.Serve(ctx, e.app, ln, e.shield, e.drain)
	}
	return front.ServeHTTP(ctx, front.Bridge(e.app, e.drain), ln, e.shield, e.drain)
}

// Ready returns nil once the edge has been fresh, until it drains.
func (e *Edge) Ready() error { return cmp.Or(e.drain.Ready(), e.guard.Ready()) }

func (e *Edge) newApp(registry *prometheus.Registry, toUpstream *tls.Config) (*fiber.App, error) {
	app := front.NewApp(front.AppConfig{
		Name: "curfew edge", Log: e.log, Registry: registry, Origins: e.origins, Drain: e.drain, Tracer: e.traces.Tracer(),
	})
	front.Probes(app, e.Ready)
	if e.config.HasOps() {
		e.opsApp = e.newOpsApp(registry)
	} else if e.config.Upstream == "" || e.config.OpsListen != "" {
		e.operations(app, registry)
	} else {
		e.log.Warn("metrics and state are not served: before an upstream they need ops_listen")
	}
	app.Get("/v1/whoami", e.whoami)
	names := newNaming(e.config.IdentityHeaders)
	asserts, err := newAssertor(e.config)
	if err != nil {
		return nil, err
	}
	if asserts != nil {
		app.Get("/.well-known/jwks.json", asserts.jwks)
	}
	(&doors{check: e.guard.Check, names: names, origins: e.origins, asserts: asserts}).register(app)
	if e.config.Upstream == "" { // else all other paths are the API's own
		if !e.config.HasOps() {
			describe(app)
		}
		return app, nil
	}
	target, err := url.Parse(e.config.Upstream)
	if err != nil {
		return nil, errors.New("upstream: malformed URL")
	}
	trusted, err := front.ParseProxies(e.config.TrustedProxies)
	if err != nil {
		return nil, err
	}
	e.upstream = newUpstream(e.config, target, toUpstream, trusted)
	e.upstream.asserts = asserts
	e.upstream.check, e.upstream.live, e.upstream.bound = e.check, e.guard.CheckLive, e.guard.Bound
	e.upstream.origins, e.upstream.ending = e.origins, e.drain.Begun()
	app.Use(e.upstream.handle)
	return app, nil
}

// operations adds what operators look at.
func (e *Edge) operations(app *fiber.App, registry *prometheus.Registry) {
	front.Metrics(app, registry)
	app.Get("/statusz", e.statusz)
}

func describe(app *fiber.App) {
	document := api.Edge()
	front.Describe(app, document.YAML, document.JSON)
}

// newOpsApp is what ops_listen serves.
func (e *Edge) newOpsApp(registry *prometheus.Registry) *fiber.App {
	app := front.NewApp(front.AppConfig{Name: "curfew edge, operations", Log: e.log, Registry: registry, Drain: e.drain, Tracer: e.traces.Tracer()})
	front.Probes(app, e.Ready)
	e.operations(app, registry)
	describe(app)
	if loopback.Is(e.config.OpsListen) {
		front.ServeProfiles(app)
	}
	return app
}

// An admission is a good token, and how it was found to be.
type admission struct {
	id   guard.Identity
	raw  string // the token
	mode guard.Mode
}

// check decides about a request and turns a refusal into a problem.
func (e *Edge) check(c *fiber.Ctx) (a admission, err error) {
	raw, err := front.Bearer(c)
	if err == nil {
		a, err = e.decide(c, raw)
	}
	return e.renewed(c, a, err)
}

func (e *Edge) decide(c *fiber.Ctx, raw string) (admission, error) {
	mode := e.modes.of(c)
	id, err := e.guard.CheckMode(c.UserContext(), raw, mode)
	if err != nil {
		return admission{}, problem(err)
	}
	return admission{id, raw, mode}, nil
}

func problem(err error) error {
	switch {
	case errors.Is(err, guard.ErrMalformed):
		return front.TokenMalformed().Because(err)
	case errors.Is(err, guard.ErrExpired):
		return front.TokenExpired()
	case errors.Is(err, guard.ErrRevoked):
		return front.TokenRevoked()
	case errors.Is(err, guard.ErrRefreshRequired):
		return front.TokenRefreshRequired()
	case errors.Is(err, guard.ErrInvalid):
		return front.TokenInvalid().Because(err)
	case errors.Is(err, guard.ErrUnknown):
		return front.FreshnessUnknown().Because(err)
	}
	return err
}
