package edge

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp/fasthttpadaptor"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/front"
)

// maxBody bounds a request body, in bytes.
const maxBody = 8 << 20

// An upstream passes good requests on.
type upstream struct {
	target    *url.URL
	transport http.RoundTripper
	silent    *log.Logger
	check     func(*fiber.Ctx) (guard.Identity, error)
	names     *naming
}

func newUpstream(target *url.URL, names *naming, check func(*fiber.Ctx) (guard.Identity, error)) *upstream {
	return &upstream{
		target: target, check: check, names: names, silent: log.New(io.Discard, "", 0),
		transport: &http.Transport{ // no proxy of the environment
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: time.Minute,
			IdleConnTimeout:       90 * time.Second,
			MaxIdleConnsPerHost:   256,
		},
	}
}

func (u *upstream) handle(c *fiber.Ctx) error {
	id, err := u.check(c)
	if err != nil {
		return err
	}
	if err := speakable(&id); err != nil {
		return front.Forbidden().Because(err)
	}
	var failure error
	fasthttpadaptor.NewFastHTTPHandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		failure = u.pass(w, r, id)
	})(c.Context())
	if failure != nil {
		c.Response().Reset()
		return front.UpstreamUnavailable().Because(failure)
	}
	return nil
}

// pass sends one request to the upstream. It works on a copy with a context of
// its own, because the transport may look at both after this has returned,
// when the server has already put its buffers to another use.
func (u *upstream) pass(w http.ResponseWriter, r *http.Request, id guard.Identity) (failure error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	proxy := httputil.ReverseProxy{
		Transport: u.transport,
		ErrorLog:  u.silent,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(u.target)
			p.SetXForwarded() // in place of what the client claimed
			u.names.forward(p.Out.Header, &id)
			front.StripPair(p.Out.Header) // the API has no use for what is as good as a password
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) {
			failure = errors.Join(errors.New("upstream did not answer"), err)
		},
	}
	proxy.ServeHTTP(w, detach(ctx, r))
	return failure
}

// detach copies a request out of the server's buffers.
func detach(ctx context.Context, r *http.Request) *http.Request {
	out := r.Clone(ctx)
	out.Method, out.Host, out.RemoteAddr = strings.Clone(r.Method), strings.Clone(r.Host), strings.Clone(r.RemoteAddr)
	out.RequestURI = strings.Clone(r.RequestURI)
	if u, err := url.ParseRequestURI(out.RequestURI); err == nil {
		out.URL = u
	}
	out.Header = make(http.Header, len(r.Header))
	for name, values := range r.Header {
		for _, v := range values {
			out.Header.Add(strings.Clone(name), strings.Clone(v))
		}
	}
	if r.Body != nil {
		body, _ := io.ReadAll(io.LimitReader(r.Body, maxBody)) // it is in memory already
		out.Body = io.NopCloser(strings.NewReader(string(body)))
		out.ContentLength = int64(len(body))
	}
	return out
}
