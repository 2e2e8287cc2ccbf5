package issuer

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/token"
)

func (i *Issuer) newApp(registry *prometheus.Registry) *fiber.App {
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	app := front.NewApp(front.AppConfig{Name: "curfew issuer", Log: i.log, Registry: registry, Origins: i.origins})
	front.Probes(app, i.Ready, registry)

	app.Post("/v1/login", i.login)
	app.Post("/v1/refresh", i.refresh)
	app.Post("/v1/logout", i.logout)
	app.Get("/v1/sessions", i.listSessions)
	app.Delete("/v1/sessions", i.endSessions)
	app.Delete("/v1/sessions/:id", i.endSession)

	app.Get("/.well-known/jwks.json", i.jwks)
	app.Get("/.well-known/oauth-authorization-server", i.metadata)

	admin := app.Group("/admin/v1", i.adminOnly)
	admin.Post("/revocations", i.revoke)
	admin.Get("/users/:id/sessions", i.userSessions)
	admin.Post("/unlocks", i.unlock)
	admin.Get("/keys", i.listKeys)
	admin.Post("/keys/rotate", i.rotateKeys)
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
		return front.BadRequest("device: kind must be web, ios, android, desktop, cli or other; id and name at most 128 bytes of UTF-8").Because(err)
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
	verdict, err := i.lookup.Lookup(c.UserContext(), redisstore.Ask(events.Token{
		Issuer: claims.Issuer, ID: claims.ID, Session: claims.SessionID, KeyID: claims.KeyID,
		Tenant: claims.Tenant, User: claims.Subject, Stamp: claims.IssuedAtMillis,
	}), i.config.Staleness)
	switch {
	case verdict.Revoked:
		return token.Claims{}, front.SessionEnded()
	case verdict.Outdated:
		return token.Claims{}, front.TokenRefreshRequired()
	case err != nil || !verdict.Vouched:
		return token.Claims{}, front.Unavailable("whether the token is revoked cannot be known right now").Because(err)
	}
	return claims, nil
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

// adminOnly lets through who knows the admin token. Both sides are hashed so
// that neither content nor length shows in the time it takes.
func (i *Issuer) adminOnly(c *fiber.Ctx) error {
	raw, err := front.Bearer(c)
	if err != nil {
		return front.Unauthorized().Because(err)
	}
	given, want := sha256.Sum256([]byte(raw)), sha256.Sum256([]byte(i.config.AdminToken))
	if subtle.ConstantTimeCompare(given[:], want[:]) != 1 {
		return front.Unauthorized()
	}
	return c.Next()
}

// metadata is RFC 8414. It names no endpoint that does not exist.
func (i *Issuer) metadata(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "public, max-age=60")
	return c.JSON(fiber.Map{
		"issuer":                                i.config.IssuerURL,
		"jwks_uri":                              strings.TrimRight(i.config.IssuerURL, "/") + "/.well-known/jwks.json",
		"response_types_supported":              []string{},
		"grant_types_supported":                 []string{},
		"token_endpoint_auth_methods_supported": []string{},
	})
}
