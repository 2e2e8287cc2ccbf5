package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/front"
)

const (
	dialTimeout     = 5 * time.Second // connecting to the upstream, and once more for TLS
	upstreamIdle    = 90 * time.Second
	upstreamIdlers  = 256 // connections that are kept for later
	copyBuffer      = 32 << 10
	statusGone      = 499 // the client hung up: what nginx logs; nobody reads it
	continueTimeout = time.Second
)

// An upstream passes good requests on: bodies as they come, both ways. A
// request is decided about by the same Fiber handlers as any other; only then
// net/http takes over, for fasthttp neither streams both ways nor notices a
// client that hangs up (docs/adr/0009).
type upstream struct {
	target  *url.URL
	check   func(*fiber.Ctx) (admission, error)
	live    func(context.Context, string, guard.Mode) (context.Context, context.CancelFunc, error)
	names   *naming
	origins front.Origins
	trusted front.Proxies
	asserts *assertor // nil: no assertions

	strip   bool                 // keep the token from the API
	maxBody int64                // bytes
	stall   time.Duration        // how long a client may make no progress
	bound   func() time.Duration // B, as it is now

	proxy *httputil.ReverseProxy
	// ending is closed when the edge is about to stop: what lasts ends then.
	ending <-chan struct{}
}

// newUpstream takes settings that have been validated.
func newUpstream(cfg config.Edge, target *url.URL, verify *tls.Config, trusted front.Proxies) *upstream {
	u := &upstream{
		target: target, names: newNaming(cfg.IdentityHeaders), trusted: trusted,
		strip: cfg.StripAuthorization, maxBody: int64(cfg.UpstreamMaxBody), stall: cfg.UpstreamStall,
	}
	u.proxy = &httputil.ReverseProxy{
		Transport:      newTransport(cfg.UpstreamTimeout, verify),
		Rewrite:        u.rewrite,
		ModifyResponse: u.begin,
		ErrorHandler:   func(_ http.ResponseWriter, r *http.Request, err error) { passageOf(r).failure = err },
		ErrorLog:       log.New(io.Discard, "", 0),
		BufferPool:     &buffers{},
	}
	return u
}

func newTransport(answer time.Duration, verify *tls.Config) http.RoundTripper {
	return &http.Transport{ // no proxy of the environment
		DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig:       verify,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: answer,
		ExpectContinueTimeout: continueTimeout,
		IdleConnTimeout:       upstreamIdle,
		MaxIdleConnsPerHost:   upstreamIdlers,
		DisableCompression:    true, // the client's and the upstream's business
		ForceAttemptHTTP2:     true,
	}
}

func (u *upstream) handle(c *fiber.Ctx) error {
	x := front.ExchangeOf(c)
	r := x.Request
	if r.Method == http.MethodConnect || !strings.HasPrefix(r.URL.Path, "/") {
		return front.MethodNotAllowed() // a tunnel, or OPTIONS *
	}
	// Browsers let any page open a WebSocket, and only tell who it is.
	if r.Header.Get("Upgrade") != "" && front.HasPair(c) {
		if err := u.origins.Check(c); err != nil {
			return err
		}
	}
	c.SetUserContext(r.Context())
	a, err := u.check(c)
	if err != nil {
		return err
	}
	if err := speakable(&a.id); err != nil {
		return front.Forbidden().Because(err)
	}
	if r.ContentLength > u.maxBody {
		return front.PayloadTooLarge()
	}
	var signed string
	if u.asserts != nil {
		if signed, err = u.asserts.of(a.raw, &a.id); err != nil {
			return err
		}
	}
	return u.pass(&passage{c: c, exchange: x, admission: &a, assertion: signed, lasting: make(chan struct{})})
}

// A passage is one request on its way.
type passage struct {
	c         *fiber.Ctx
	exchange  *front.Exchange
	admission *admission
	assertion string // empty: none is wanted
	client    *client
	lasting   chan struct{} // closed when the answer turns out to have no end of its own
	failure   error         // of the upstream, before its answer began
}

type passageKey struct{}

func passageOf(r *http.Request) *passage { return r.Context().Value(passageKey{}).(*passage) }

func (u *upstream) pass(p *passage) error {
	x := p.exchange
	ctx, end := context.WithCancelCause(context.WithValue(x.Request.Context(), passageKey{}, p))
	defer end(nil)
	p.client = &client{ResponseWriter: x.Writer, control: http.NewResponseController(x.Writer), ctx: ctx, stall: u.stall}
	defer u.watch(ctx, end, p)()
	r := x.Request.WithContext(ctx)
	if r.ContentLength != 0 {
		x.TakeBody()
		r.Body = &upload{http.MaxBytesReader(x.Writer, r.Body, u.maxBody), p.client}
	}
	aborted := serveProxy(u.proxy, p.client, r)
	p.client.finish()
	if aborted || p.failure != nil && x.Begun() {
		x.Cut()
		return nil
	}
	return p.outcome(ctx)
}

// serveProxy reports whether an answer broke off in the middle.
func serveProxy(proxy http.Handler, w http.ResponseWriter, r *http.Request) (aborted bool) {
	defer func() {
		if reason := recover(); reason == http.ErrAbortHandler {
			aborted = true
		} else if reason != nil {
			panic(reason)
		}
	}()
	proxy.ServeHTTP(w, r)
	return false
}

// outcome is what to answer when the upstream did not. The end of the request's
// context alone says little: the server ends it when the client hangs up, but
// also when a body cannot be read.
func (p *passage) outcome(ctx context.Context) error {
	cause := context.Cause(ctx)
	gone := errors.Is(cause, context.Canceled)
	_, tooLarge := errors.AsType[*http.MaxBytesError](p.failure)
	switch {
	case p.failure == nil:
		return nil
	case cause != nil && !gone:
		return problem(cause)
	case tooLarge:
		return front.PayloadTooLarge()
	case p.client.stalled.Load():
		return front.RequestTimeout()
	case gone:
		p.exchange.Cut()
		return p.c.SendStatus(statusGone)
	}
	return front.UpstreamUnavailable().Because(errors.Join(errors.New("upstream did not answer"), p.failure))
}

// begin sees an answer before the client does.
func (u *upstream) begin(res *http.Response) error {
	p := passageOf(res.Request)
	if hasNoEnd(res) {
		close(p.lasting)
	}
	p.exchange.Begin(p.c, res.StatusCode, res.Header)
	return nil
}

type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if buf, ok := b.pool.Get().(*[copyBuffer]byte); ok {
		return buf[:]
	}
	return make([]byte, copyBuffer)
}

func (b *buffers) Put(buf []byte) { b.pool.Put((*[copyBuffer]byte)(buf)) }
