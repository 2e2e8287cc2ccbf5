package front

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/gofiber/fiber/v2"
)

// errorHandler writes any error as a problem. It also answers requests that
// fasthttp could not read, which no middleware has seen.
func errorHandler(log *slog.Logger) fiber.ErrorHandler {
	return func(c *fiber.Ctx, err error) error {
		p := asProblem(err)
		if p.Status == http.StatusInternalServerError {
			log.LogAttrs(c.UserContext(), slog.LevelError, "request failed inside",
				slog.String("method", c.Method()), slog.String("route", routeOf(c, err)),
				slog.String("request_id", RequestID(c)), slog.Any("error", err))
		}
		return p.Write(c)
	}
}

func asProblem(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if fe, ok := errors.AsType[*fiber.Error](err); ok {
		return fromStatus(fe.Code, err)
	}
	return Internal(err)
}

// fromStatus translates Fiber's own errors. Their texts repeat paths and
// worse, and are dropped.
func fromStatus(status int, cause error) *Problem {
	switch status {
	case http.StatusNotFound:
		return NotFound()
	case http.StatusMethodNotAllowed:
		return MethodNotAllowed()
	case http.StatusRequestTimeout:
		return RequestTimeout()
	case http.StatusRequestEntityTooLarge:
		return PayloadTooLarge()
	case http.StatusUnsupportedMediaType:
		return UnsupportedMediaType("")
	case http.StatusRequestHeaderFieldsTooLarge:
		return HeadersTooLarge()
	case http.StatusBadGateway:
		return UpstreamUnavailable()
	case http.StatusServiceUnavailable:
		return Unavailable("")
	}
	if status >= 400 && status < 500 {
		return BadRequest("")
	}
	return Internal(cause)
}
