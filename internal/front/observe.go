package front

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel/trace"
)

// maxRequestID bounds a request id taken from a client, in bytes.
const maxRequestID = 64

// unmatched is the route pattern of requests that no route took. The real
// path may hold anything and must not become a metric's label.
const unmatched = "unmatched"

type requestIDKey struct{}

// What every answer carries, in the form that needs no work.
var (
	requestIDHeader          = []byte("X-Request-Id")
	cacheControlHeader       = []byte(fiber.HeaderCacheControl)
	noStore                  = []byte("no-store")
	contentTypeOptionsHeader = []byte(fiber.HeaderXContentTypeOptions)
	noSniff                  = []byte("nosniff")
)

// RequestID is the id of the request, which the response and every problem
// carry; empty for a request that could not be read.
func RequestID(c *fiber.Ctx) string {
	id, _ := c.Locals(requestIDKey{}).(string)
	return id
}

// observe is the outermost middleware: request id, headers, panics, errors,
// log and metrics.
func observe(log *slog.Logger, m *metrics, drain *Drain, tracer trace.Tracer) fiber.Handler {
	return func(c *fiber.Ctx) error {
		start := c.Context().Time() // when the request had been read
		id := identify(c)
		secure(c)
		span := startSpan(c, tracer)
		err := guarded(c, log)
		route := routeOf(c, err)
		if err != nil {
			if err := c.App().ErrorHandler(c, err); err != nil {
				return err
			}
		}
		c.Response().Header.SetCanonical(requestIDHeader, []byte(id)) // last: a proxying handler replaces all headers
		writePair(c)
		if drain.Ready() != nil {
			c.Response().SetConnectionClose() // so that nobody sends the next request here
		}
		endSpan(span, c, route)
		took := time.Since(start)
		m.observe(route, c.Method(), c.Response().StatusCode(), took)
		if log.Enabled(context.Background(), slog.LevelDebug) { // else not even the attributes are made
			logRequest(c, log, route, took)
		}
		return nil
	}
}

func logRequest(c *fiber.Ctx, log *slog.Logger, route string, took time.Duration) {
	log.LogAttrs(c.UserContext(), slog.LevelDebug, "request",
		slog.String("method", c.Method()), slog.String("route", route),
		slog.Int("status", c.Response().StatusCode()), slog.Float64("ms", took.Seconds()*1000),
		slog.String("request_id", RequestID(c)))
}

// identify takes over the client's request id if it is harmless, and sets it
// on the request too, for handlers that pass the request on.
func identify(c *fiber.Ctx) string {
	id := string(c.Request().Header.PeekBytes(requestIDHeader))
	if !saneID(id) {
		id = newID()
	}
	c.Locals(requestIDKey{}, id)
	c.Request().Header.SetCanonical(requestIDHeader, []byte(id))
	return id
}

// newID is unique, not secret: it need not cost a system call.
func newID() string {
	const letters = "abcdefghijklmnopqrstuvwxyz234567"
	var id [26]byte
	for i := 0; i < len(id); {
		for bits, n := rand.Uint64(), 0; n < 12 && i < len(id); i, n = i+1, n+1 {
			id[i] = letters[bits&31]
			bits >>= 5
		}
	}
	return string(id[:])
}

func saneID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for _, b := range []byte(id) {
		if !(b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '_' || b == '.') {
			return false
		}
	}
	return true
}

// secure sets the headers that every answer has. A handler whose answer may
// be cached (JWKS, metadata) sets its own Cache-Control.
func secure(c *fiber.Ctx) {
	h := &c.Response().Header
	h.SetCanonical(cacheControlHeader, noStore)
	h.SetCanonical(contentTypeOptionsHeader, noSniff)
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
