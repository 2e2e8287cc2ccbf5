package issuer

import (
	"context"
	"errors"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/curfew-auth/curfew/api"
	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/loopback"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/token"
)

func (i *Issuer) newApp(registry *prometheus.Registry) *fiber.App {
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	app := front.NewApp(front.AppConfig{Name: "curfew issuer", Log: i.log, Registry: registry, Origins: i.origins, Drain: i.drain, Tracer: i.traces.Tracer()})
	front.Probes(app, i.Ready)
	if i.config.HasOps() {
		i.opsApp = i.newOpsApp(registry)
	} else {
		operations(app, registry)
	}
	app.Use(i.rememberClient)

	app.Post("/v1/login", i.login)
	app.Post("/v1/refresh", i.refresh)
	app.Post("/v1/logout", i.logout)
	app.Get("/v1/sessions", i.listSessions)
	app.Delete("/v1/sessions", i.endSessions)
	app.Delete("/v1/sessions/:id", i.endSession)

	app.Post("/oauth2/token", oauth(i.oauthToken))
	app.Post("/oauth2/revoke", oauth(i.oauthRevoke))
	app.Get("/.well-known/jwks.json", i.jwks)
	app.Get("/.well-known/oauth-authorization-server", i.metadata)

	if i.config.AdminListen == "" {
		i.adminRoutes(app)
	}
	return app
}

// operations adds what operators look at.
func operations(app *fiber.App, registry *prometheus.Registry) {
	front.Metrics(app, registry)
	document := api.Issuer()
	front.Describe(app, document.YAML, document.JSON)
}

// rememberClient lets the rules put into the trail where a request came from.
func (i *Issuer) rememberClient(c *fiber.Ctx) error {
	c.SetUserContext(session.WithClient(c.UserContext(), session.Client{
		IP: i.proxies.ClientIP(c), UserAgent: string(c.Request().Header.UserAgent()), RequestID: front.RequestID(c),
	}))
	return c.Next()
}

// adminRoutes adds the admin calls. Each names the role that it needs.
func (i *Issuer) adminRoutes(app *fiber.App) {
	app.Post("/oauth2/introspect", i.adminOnly, i.may(config.RoleRead), oauth(i.oauthIntrospect))
	admin := app.Group("/admin/v1", i.adminOnly)
	admin.Post("/revocations", i.may(config.RoleRevoke), i.revoke)
	admin.Get("/users/:id/sessions", i.may(config.RoleRead), i.userSessions)
	admin.Post("/sessions", i.may(config.RoleSessions), i.openSession)
	admin.Post("/unlocks", i.may(config.RoleRevoke), i.unlock)
	admin.Get("/revocations", i.may(config.RoleRead), i.listRevocations)
	admin.Get("/edges", i.may(config.RoleRead), i.everywhere, i.listEdges)
	admin.Get("/events", i.may(config.RoleRead), i.followEvents)
	admin.Get("/audit", i.may(config.RoleRead), i.searchTrail)
	admin.Get("/keys", i.may(config.RoleRead), i.everywhere, i.listKeys)
	admin.Post("/keys/rotate", i.may(config.RoleKeys), i.everywhere, i.rotateKeys)
}

// newAdminApp is what admin_listen serves: the admin calls and the probes.
func (i *Issuer) newAdminApp(registry *prometheus.Registry) *fiber.App {
	app := front.NewApp(front.AppConfig{Name: "curfew issuer, admin", Log: i.log, Registry: registry, Drain: i.drain, Tracer: i.traces.Tracer()})
	front.Probes(app, i.Ready)
	if !i.config.HasOps() {
		operations(app, registry)
	}
	app.Use(i.rememberClient)
	i.adminRoutes(app)
	return app
}

// newOpsApp is what ops_listen serves.
func (i *Issuer) newOpsApp(registry *prometheus.Registry) *fiber.App {
	app := front.NewApp(front.AppConfig{Name: "curfew issuer, operations", Log: i.log, Registry: registry, Drain: i.drain, Tracer: i.traces.Tracer()})
	front.Probes(app, i.Ready)
	operations(app, registry)
	if loopback.Is(i.config.OpsListen) {
		front.ServeProfiles(app)
	}
	return app
}

// problem turns the errors of the rules into problem documents.
func problem(err error) error {
	if d, ok := errors.AsType[*session.Delay](err); ok {
		return delayed(d)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, session.ErrInvalidCredentials):
		return front.InvalidCredentials()
	case errors.Is(err, session.ErrRefreshInvalid):
		return front.RefreshInvalid()
	case errors.Is(err, session.ErrRefreshReused):
		return front.RefreshReused()
	case errors.Is(err, session.ErrEnded):
		return front.SessionEnded()
	case errors.Is(err, session.ErrSessionLimit):
		return front.SessionLimit()
	case errors.Is(err, session.ErrNotFound):
		return front.NotFound()
	case errors.Is(err, session.ErrBadDevice):
		return front.BadRequest("device: kind must be web, ios, android, desktop, cli or other; id and name at most 128 bytes of UTF-8, the id required where sessions are bound to it").Because(err)
	case errors.Is(err, session.ErrBadUser):
		return front.BadRequest("user_id and tenant: 1 to 256 bytes; at most 32 roles of 64 bytes, and a scope of 1024; no control characters").Because(err)
	case errors.Is(err, session.ErrUnavailable):
		return front.Unavailable("the session store cannot be used right now").Because(err)
	}
	return err
}

// delayed is the problem of a refusal that ends by itself.
func delayed(d *session.Delay) error {
	switch {
	case errors.Is(d, session.ErrLocked):
		return front.AccountLocked(d.After)
	case errors.Is(d, session.ErrThrottled):
		return front.TooManyRequests(d.After)
	}
	return front.Busy("too many logins at once", d.After).Because(d)
}

// caller verifies the access token of a request and that it is not revoked.
func (i *Issuer) caller(c *fiber.Ctx) (token.Claims, error) {
	claims, err := i.bearer(c)
	if err != nil {
		return token.Claims{}, err
	}
	if err := i.alive(c.UserContext(), claims); err != nil {
		return token.Claims{}, err
	}
	return claims, nil
}

// alive returns nil if the token that these are the claims of is not revoked.
func (i *Issuer) alive(ctx context.Context, claims token.Claims) error {
	verdict, err := i.lookup.Lookup(ctx, redisstore.Ask(events.Token{
		Issuer: claims.Issuer, ID: claims.ID, Session: claims.SessionID, KeyID: claims.KeyID,
		Tenant: claims.Tenant, User: claims.Subject, Stamp: claims.IssuedAtMillis,
	}), i.config.Staleness)
	switch {
	case verdict.Revoked:
		return front.SessionEnded()
	case verdict.Outdated:
		return front.TokenRefreshRequired()
	case err != nil || !verdict.Vouched:
		return front.Unavailable("whether the token is revoked cannot be known right now").Because(err)
	}
	return nil
}

// bearer verifies signature and claims of the access token of a request.
func (i *Issuer) bearer(c *fiber.Ctx) (token.Claims, error) {
	raw, err := front.Bearer(c)
	if err != nil {
		return token.Claims{}, front.Unauthorized().Because(err)
	}
	claims, err := i.verifier.Verify(c.UserContext(), raw)
	if err != nil {
		return token.Claims{}, front.Unauthorized().Because(err)
	}
	return claims, nil
}
