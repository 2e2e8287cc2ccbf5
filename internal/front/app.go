package front

import (
	"log/slog"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/trace"
)

// MaxHeader bounds a request's header, in bytes, request line included.
const MaxHeader = 16 << 10

const (
	defaultBodyLimit = 64 << 10 // bytes
	readTimeout      = 10 * time.Second
	idleTimeout      = 60 * time.Second
)

// AppConfig says how NewApp makes an application.
type AppConfig struct {
	Name     string                // for people
	Log      *slog.Logger          // required
	Registry prometheus.Registerer // required; takes the HTTP metrics
	// BodyLimit is the largest request body in bytes; 0 means 64 KiB.
	BodyLimit int
	// Origins may use cookies here besides the service's own.
	Origins Origins
	// Tracer makes a span of every request; nil: none.
	Tracer trace.Tracer
	// Drain is what Serve will end the application by; nil: it is not told.
	Drain *Drain
}

// NewApp returns an application without routes. Paths are matched exactly:
// case and trailing slashes count.
func NewApp(cfg AppConfig) *fiber.App {
	app := fiber.New(fiber.Config{
		AppName:                      cfg.Name,
		BodyLimit:                    bodyLimit(cfg.BodyLimit),
		ReadBufferSize:               MaxHeader,
		ReadTimeout:                  readTimeout,
		IdleTimeout:                  idleTimeout,
		CaseSensitive:                true,
		StrictRouting:                true,
		DisablePreParseMultipartForm: true,
		DisableStartupMessage:        true,
		ErrorHandler:                 errorHandler(cfg.Log),
	})
	refuseUnknownMethods(app)
	app.Use(observe(cfg.Log, newMetrics(cfg.Registry), cfg.Drain, cfg.Tracer), cfg.Origins.guardCookies)
	return app
}

func bodyLimit(n int) int {
	if n == 0 {
		return defaultBodyLimit
	}
	return n
}

// refuseUnknownMethods answers what Fiber would answer itself, in plain text
// and before any handler.
func refuseUnknownMethods(app *fiber.App) {
	next, methods := app.Server().Handler, app.Config().RequestMethods
	app.Server().Handler = func(rctx *fasthttp.RequestCtx) {
		if slices.Contains(methods, string(rctx.Method())) {
			next(rctx)
			return
		}
		c := app.AcquireCtx(rctx)
		defer app.ReleaseCtx(c)
		_ = MethodNotAllowed().Write(c) // fails only if JSON of strings does
	}
}
