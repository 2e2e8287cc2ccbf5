package front

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
)

// maxRequestID bounds a request id taken from a client, in bytes.
const maxRequestID = 64

// unmatched is the route pattern of requests that no route took. The real
// path may hold anything and must not become a metric's label.
const unmatched = "unmatched"

type requestIDKey struct{}

// RequestID is the id of the request, which the response and every problem
// carry; empty for a request that could not be read.
func RequestID(c *fiber.Ctx) string {
	id, _ := c.Locals(requestIDKey{}).(string)
	return id
}

// observe is the outermost middleware: request id, headers, panics, errors,
// log and metrics.
func observe(log *slog.Logger, m *metrics) fiber.Handler {
	return func(c *fiber.Ctx) error {
		start := time.Now()
		id := identify(c)
		secure(c)
		err := guarded(c, log)
		route := routeOf(c, err)
		if err != nil {
			if err := c.App().ErrorHandler(c, err); err != nil {
				return err
			}
		}
		c.Set(fiber.HeaderXRequestID, id) // last: a proxying handler replaces all headers
		writePair(c)
		took := time.Since(start)
		m.observe(route, strings.Clone(c.Method()), c.Response().StatusCode(), took) // the labels outlive the request
		log.LogAttrs(c.UserContext(), slog.LevelDebug, "request",
			slog.String("method", c.Method()), slog.String("route", route),
			slog.Int("status", c.Response().StatusCode()), slog.Float64("ms", took.Seconds()*1000),
			slog.String("request_id", id))
		return nil
	}
}

// identify takes over the client's request id if it is harmless, and sets it
// on the request too, for handlers that pass the request on.
func identify(c *fiber.Ctx) string {
	id := strings.Clone(c.Get(fiber.HeaderXRequestID))
	if !saneID(id) {
		id = rand.Text()
	}
	c.Locals(requestIDKey{}, id)
	c.Request().Header.Set(fiber.HeaderXRequestID, id)
	return id
}

func saneID(id string) bool {
	return id != "" && len(id) <= maxRequestID && strings.IndexFunc(id, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
	}) < 0
}

// secure sets the headers that every answer has. A handler whose answer may
// be cached (JWKS, metadata) sets its own Cache-Control.
func secure(c *fiber.Ctx) {
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
}

// guarded runs the rest of the chain; a panic becomes an internal error.
func guarded(c *fiber.Ctx, log *slog.Logger) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = Internal(fmt.Errorf("panic: %v", r))
			log.LogAttrs(c.UserContext(), slog.LevelError, "panic in a handler",
				slog.String("request_id", RequestID(c)), slog.String("stack", string(debug.Stack())))
		}
	}()
	return c.Next()
}

// routeOf is the pattern of the route that took the request. Only the router
// returns Fiber's 404 and 405; handlers return problems.
func routeOf(c *fiber.Ctx, err error) string {
	if fe, ok := errors.AsType[*fiber.Error](err); ok && (fe.Code == http.StatusNotFound || fe.Code == http.StatusMethodNotAllowed) {
		return unmatched
	}
	return c.Route().Path
}
