package events

import (
	"context"
	"strings"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// traceHeader carries the W3C Trace Context of whoever published a message. It
// is a header, so that readers who do not know it pass over it.
const traceHeader = "traceparent"

// maxTraceparent is more than version 00 needs (55 bytes).
const maxTraceparent = 64

// publishing begins the span of a publish and notes it on the message, if the
// context has one. End must be called.
func publishing(ctx context.Context, msg *nats.Msg) (_ context.Context, end func()) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, func() {}
	}
	ctx, span := parent.TracerProvider().Tracer("nats").Start(ctx, "publish "+msg.Subject, trace.WithSpanKind(trace.SpanKindProducer))
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	msg.Header.Set(traceHeader, carrier[traceHeader])
	return ctx, func() { span.End() }
}

// traceOf is what a message says of the span that it was published in.
func traceOf(h nats.Header) string {
	v := h.Get(traceHeader)
	if len(v) > maxTraceparent {
		return ""
	}
	return strings.Clone(v)
}

// Remote puts the span in which a message was published into a context.
func (m *Message) Remote(ctx context.Context) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{traceHeader: m.Traceparent})
}
