package front

import (
	"net/http"

	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// startSpan begins the span of a request, below the caller's if it sends one
// (W3C Trace Context), and puts it into the request's context. It returns nil
// without a tracer, and for probes, which come all day and say nothing.
func startSpan(c *fiber.Ctx, tracer trace.Tracer) trace.Span {
	if tracer == nil {
		return nil
	}
	switch c.Path() {
	case "/livez", "/readyz", "/metrics":
		return nil
	}
	ctx := propagation.TraceContext{}.Extract(c.UserContext(), headers{c})
	ctx, span := tracer.Start(ctx, c.Method(), trace.WithSpanKind(trace.SpanKindServer))
	c.SetUserContext(ctx)
	return span
}

// endSpan says of the request what the log does: no path, no query, no header.
func endSpan(span trace.Span, c *fiber.Ctx, route string) {
	if span == nil {
		return
	}
	status := c.Response().StatusCode()
	span.SetName(c.Method() + " " + route)
	span.SetAttributes(
		attribute.String("http.request.method", c.Method()), attribute.String("http.route", route),
		attribute.Int("http.response.status_code", status), attribute.String("curfew.request_id", RequestID(c)))
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// headers are those of a request, for a propagator. What it gets outlives the
// request.
type headers struct{ *fiber.Ctx }

func (h headers) Get(key string) string { return string(h.Request().Header.Peek(key)) }
func (headers) Set(string, string)      {}
func (headers) Keys() []string          { return nil }
