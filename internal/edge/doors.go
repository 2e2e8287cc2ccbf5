package edge

import (
	"context"
	"errors"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/front"
)

// doors answer proxies that ask before they pass a request on (forward
// authentication). The status is the decision: 200, and nothing else, lets the
// request through, and then the headers say whose it is. The token comes from
// the Authorization header or the cookie, never from the URL, which ends up in
// logs; whose it is nothing else of the request says, neither an X-Forwarded-*
// nor an identity header, so a client that forges these gains nothing here.
//
// The routes are matched on the path as it came. A path that the client had a
// part in, such as Envoy's, must not be cleaned first: /authz/envoy/../../livez
// would turn into a page that answers 200 to everyone.
//
// A token in a cookie is taken only if no page of another origin made the
// browser send it; see front.Origins.CheckForwarded. For that, and for nothing
// else, the headers count that name the client's method and host: no page can
// set them for a request to another origin.
type doors struct {
	check   func(context.Context, string) (guard.Identity, error)
	names   *naming
	origins front.Origins
	asserts *assertor // nil: no assertions
}

func (d *doors) register(app *fiber.App) {
	app.All("/authz/forward", d.forward)
	app.All("/authz/nginx", d.nginx)
	app.All("/authz/envoy", d.envoy)
	app.All("/authz/envoy/*", d.envoy) // its path_prefix, and the client's path
}

// forward speaks to proxies that hand any refusal on to the client, and ask
// with a method of their own.
func (d *doors) forward(c *fiber.Ctx) error { return d.answer(c, "") }

// envoy is forward for a proxy that asks with the client's method.
func (d *doors) envoy(c *fiber.Ctx) error { return d.answer(c, c.Method()) }

func (d *doors) answer(c *fiber.Ctx, method string) error {
	if err := d.origins.CheckForwarded(c, method); err != nil {
		return d.refuse(c, err)
	}
	raw, err := front.BearerView(c)
	if err != nil {
		return d.refuse(c, err)
	}
	// What Check waits for it bounds itself. The request's own context
	// would have to be made first, for every request.
	id, err := d.check(context.Background(), raw)
	if err != nil {
		return d.refuse(c, problem(err))
	}
	if err := speakable(&id); err != nil {
		return d.refuse(c, front.Forbidden().Because(err))
	}
	d.names.answer(&c.Response().Header, &id)
	if d.asserts == nil {
		return nil
	}
	signed, err := d.asserts.of(raw, &id)
	c.Response().Header.SetCanonical(d.names.assertion, []byte(signed))
	return err
}

// nginx knows 2xx, 401 and 403, and makes a 500 of everything else. So what is
// neither is 403 here: a 401 would send clients to refresh a token that may
// well be good, all at once; a 500 would look like a fault of nginx. The code
// tells them apart: deploy/nginx makes 503 of freshness_unknown again.
func (d *doors) nginx(c *fiber.Ctx) error {
	err := d.forward(c)
	p, ok := errors.AsType[*front.Problem](err)
	if !ok || p.Status == http.StatusUnauthorized {
		return err
	}
	q := *p
	q.Status = http.StatusForbidden
	return &q
}

// refuse puts the code where a proxy's configuration can see it.
func (d *doors) refuse(c *fiber.Ctx, err error) error {
	if p, ok := errors.AsType[*front.Problem](err); ok {
		c.Response().Header.SetCanonical(d.names.code, []byte(p.Code))
	}
	return err
}
