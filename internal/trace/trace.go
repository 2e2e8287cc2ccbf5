// Package trace exports OpenTelemetry traces over OTLP/HTTP. Only the services
// import it; what makes spans needs no more than OpenTelemetry's API, and makes
// one only below a span that is there already, so that nothing is spent where
// tracing is off.
package trace

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// flushTimeout bounds the export of what is left at the end.
const flushTimeout = 2 * time.Second

// Config says where spans go and whose they are.
type Config struct {
	Endpoint string // URL of the collector; empty: no tracing
	// Sample is one in how many requests that nobody has decided about yet
	// is traced.
	Sample            int
	Service, Instance string
	Log               *slog.Logger
}

// A Provider makes tracers. The nil Provider makes none.
type Provider struct{ sdk *sdk.TracerProvider }

// Open returns nil without an endpoint. It does not wait for the collector:
// spans that cannot be exported are dropped, and that is logged.
func Open(ctx context.Context, c Config) (*Provider, error) {
	if c.Endpoint == "" {
		return nil, nil
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(c.Endpoint+"/v1/traces"))
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { c.Log.Warn("traces not exported", "error", err) }))
	return &Provider{sdk.NewTracerProvider(
		sdk.WithBatcher(exporter, sdk.WithBatchTimeout(time.Second)),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(1/float64(max(1, c.Sample))))),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", c.Service), attribute.String("service.instance.id", c.Instance))),
	)}, nil
}

// Tracer returns nil without tracing.
func (p *Provider) Tracer() trace.Tracer {
	if p == nil {
		return nil
	}
	return p.sdk.Tracer("github.com/curfew-auth/curfew")
}

// API is the provider for those who know OpenTelemetry alone; nil without
// tracing.
func (p *Provider) API() trace.TracerProvider {
	if p == nil {
		return nil
	}
	return p.sdk
}

// Close exports what is left, for up to two seconds.
func (p *Provider) Close() {
	if p == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	_ = p.sdk.Shutdown(ctx) // the error handler has logged what it returns
}
