package front

import (
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// An Exchange is a request that a server of net/http took for a Fiber
// application. A handler that passes the request on answers through Writer, as
// it goes, and not through Fiber; it calls Begin when it does.
type Exchange struct {
	Writer  http.ResponseWriter
	Request *http.Request

	begun, cut, taken bool
}

// unreadBody is how long an answer waits for the body of its request, which no handler
// has asked for. Then the connection ends with the answer.
const unreadBody = time.Second

type exchangeKey struct{}

// ExchangeOf returns the exchange behind a request, or nil where Fiber's own
// server took it.
func ExchangeOf(c *fiber.Ctx) *Exchange {
	x, _ := c.Locals(exchangeKey{}).(*Exchange)
	return x
}

// Begin says that the handler answers itself, with this status and header, to
// which it adds what every answer carries.
func (x *Exchange) Begin(c *fiber.Ctx, status int, h http.Header) {
	if status == http.StatusSwitchingProtocols {
		x.Writer.Header().Del(fiber.HeaderConnection) // the answer says Upgrade there
	}
	x.begun = true
	c.Status(status) // for log and metrics
	seal(c, h)
}

// Begun reports whether Begin was called.
func (x *Exchange) Begun() bool { return x.begun }

// TakeBody says that the handler reads the body, and bounds how long that takes.
func (x *Exchange) TakeBody() { x.taken = true }

// Cut makes the connection end instead of the answer, which the client then
// cannot take for a whole one.
func (x *Exchange) Cut() { x.cut = true }

// Bridge serves an application under net/http: its handlers see the request
// without its body, as Fiber's own server would have parsed it, and through
// ExchangeOf the whole of it. From the beginning of the drain on, answers end
// their connections.
func Bridge(app *fiber.App, d *Drain) http.Handler {
	app.Handler() // builds the routes
	handler := app.Server().Handler
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // the last request's
		if d.Ready() != nil {
			w.Header().Set(fiber.HeaderConnection, "close")
		}
		x := &Exchange{Writer: w, Request: r}
		var ctx fasthttp.RequestCtx
		ctx.Init(&fasthttp.Request{}, remoteAddr(r), nil)
		if fill(&ctx.Request, r); headerSize(r) > MaxHeader {
			refuse(app, &ctx, HeadersTooLarge())
		} else {
			ctx.SetUserValue(exchangeKey{}, x)
			handler(&ctx)
		}
		switch {
		case x.cut:
			panic(http.ErrAbortHandler)
		case !x.begun:
			if r.ContentLength != 0 && !x.taken {
				// The server reads what is left of the body before it answers.
				_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(unreadBody))
			}
			answer(w, &ctx.Response)
		}
	})
}

func remoteAddr(r *http.Request) net.Addr {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return nil // a Unix socket
	}
	return net.TCPAddrFromAddrPort(addr)
}

// fill makes every header line one of the other request: what comes twice must
// come twice there too.
func fill(to *fasthttp.Request, r *http.Request) {
	to.Header.SetMethod(r.Method)
	to.Header.SetRequestURI(r.RequestURI)
	for name, values := range r.Header {
		if name == fiber.HeaderContentLength || name == fiber.HeaderTransferEncoding {
			continue // the body stays behind
		}
		for _, v := range values {
			to.Header.Add(name, v)
		}
	}
	to.Header.SetHost(r.Host)
}

// headerSize is about what the header took on the wire, in bytes.
func headerSize(r *http.Request) int {
	n := len(r.Method) + len(r.RequestURI) + len(r.Host)
	for name, values := range r.Header {
		for _, v := range values {
			n += len(name) + len(v) + len(": \r\n")
		}
	}
	return n
}

// refuse answers what no handler shall see.
func refuse(app *fiber.App, ctx *fasthttp.RequestCtx, p *Problem) {
	c := app.AcquireCtx(ctx)
	defer app.ReleaseCtx(c)
	_ = p.Write(c) // fails only if JSON of strings does
}

func answer(w http.ResponseWriter, from *fasthttp.Response) {
	for name, value := range from.Header.All() {
		if string(name) != fiber.HeaderContentLength && string(name) != fiber.HeaderConnection {
			w.Header().Add(string(name), string(value))
		}
	}
	w.WriteHeader(from.StatusCode())
	_, _ = w.Write(from.Body()) // fails when nobody reads it, and for HEAD
}
