package guard

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/curfew-auth/curfew/internal/events"
)

// tracing begins the span in which a revocation takes effect here, below that
// in which it was published. End must be called.
func (g *Guard) tracing(m *events.Message) (end func()) {
	if g.config.TracerProvider == nil || m.Traceparent == "" {
		return func() {}
	}
	_, span := g.config.TracerProvider.Tracer("guard").Start(m.Remote(context.Background()), "apply revocation",
		trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(attribute.String("curfew.node", g.config.ID), attribute.Int64("curfew.seq", int64(m.Seq))))
	return func() { span.End() }
}

// spanOf is a context that has of ctx its span alone, for what goes on without
// whoever asked for it.
func spanOf(ctx context.Context) context.Context {
	return trace.ContextWithSpan(context.Background(), trace.SpanFromContext(ctx))
}
