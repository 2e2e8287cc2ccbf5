// Package fiberguard puts a guard in front of the handlers of Fiber v2.
//
//	app.Use(fiberguard.New(g))
//	app.Get("/admin", fiberguard.RequireRoles("admin"), handler)
//
// Handlers find the identity with [Identity], and code that only gets a
// context.Context with [guard.IdentityFrom] from c.UserContext().
package fiberguard

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/front"
)

// New lets requests with a good token pass and answers others with a problem
// document, also those that a page of another origin makes with our cookies: see
// [guard.AllowOrigins]. With [guard.Live] the user context ends when the token does, until
// the handler has returned; a body that is streamed afterwards needs
// [guard.Guard.CheckLive], released where the stream ends.
func New(g *guard.Guard, opts ...guard.Option) fiber.Handler {
	o := g.OptionsFor(opts)
	origins := front.ParseOrigins(strings.Join(o.Origins, ","))
	return func(c *fiber.Ctx) error {
		if err := origins.CheckCookies(c); err != nil {
			return refuse(c, fmt.Errorf("%w: %w", guard.ErrForbidden, err))
		}
		raw, err := token(c)
		if err != nil {
			return refuse(c, err)
		}
		outer := c.UserContext()
		if o.Live {
			live, release, err := g.CheckLive(outer, raw, o.Mode)
			if err != nil {
				return refuse(c, err)
			}
			defer release()
			c.SetUserContext(live)
			return c.Next()
		}
		id, err := g.CheckMode(outer, raw, o.Mode)
		if err != nil {
			return refuse(c, err)
		}
		c.SetUserContext(guard.WithIdentity(outer, id))
		return c.Next()
	}
}

// Identity returns who the request speaks for; ok is false where New has not
// let it through.
func Identity(c *fiber.Ctx) (id guard.Identity, ok bool) { return guard.IdentityFrom(c.UserContext()) }

// RequireRoles lets requests through whose identity has all of these roles.
func RequireRoles(roles ...string) fiber.Handler {
	return require(func(id guard.Identity) error { return id.RequireRoles(roles...) })
}

// RequireScope lets requests through whose token has all of these scopes.
func RequireScope(scopes ...string) fiber.Handler {
	return require(func(id guard.Identity) error { return id.RequireScope(scopes...) })
}

func require(allowed func(guard.Identity) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		id, ok := Identity(c)
		err := guard.ErrMissing
		if ok {
			err = allowed(id)
		}
		if err != nil {
			return refuse(c, err)
		}
		return c.Next()
	}
}

// token copies it: Fiber reuses the request's buffers.
func token(c *fiber.Ctx) (string, error) {
	raw, err := front.Bearer(c)
	if p, ok := errors.AsType[*front.Problem](err); ok && p.Code == front.TokenMissing().Code {
		return "", guard.ErrMissing
	} else if err != nil {
		return "", guard.ErrMalformed
	}
	return raw, nil
}

func refuse(c *fiber.Ctx, err error) error {
	r := guard.RefusalOf(err)
	for name, values := range r.Header() {
		c.Set(name, values[0])
	}
	return c.Status(r.Status).Send(r.Body())
}
