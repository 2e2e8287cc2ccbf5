package edge

import (
	"errors"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp/fasthttpadaptor"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/front"
)

// maxBody bounds a request body, in bytes.
const maxBody = 8 << 20

// The identity headers that the upstream may trust: they are always set, empty
// when there is nothing to say, and never the client's.
const (
	headerUser    = "X-Curfew-User"
	headerSession = "X-Curfew-Session"
	headerTenant  = "X-Curfew-Tenant"
	headerRoles   = "X-Curfew-Roles"
	headerScope   = "X-Curfew-Scope"
)

// reserved is the prefix of those headers in the form in which names are
// compared: many servers treat - and _ alike.
const reserved = "x-curfew-"

// An upstream passes good requests on.
type upstream struct {
	proxy *httputil.ReverseProxy
	check func(*fiber.Ctx) (guard.Identity, error)
}

func newUpstream(target *url.URL, check func(*fiber.Ctx) (guard.Identity, error)) *upstream {
	return &upstream{check: check, proxy: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.SetXForwarded() // drops what the client claimed
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		ErrorLog:     log.New(discard{}, "", 0),
	}}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func (u *upstream) handle(c *fiber.Ctx) error {
	id, err := u.check(c)
	if err != nil {
		return err
	}
	setIdentity(c, id)
	var failed bool
	handler := fasthttpadaptor.NewFastHTTPHandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxy := *u.proxy
		proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { failed = true }
		proxy.ServeHTTP(w, r)
	})
	handler(c.Context())
	if failed {
		c.Response().Reset()
		return front.UpstreamUnavailable().Because(errors.New("upstream did not answer"))
	}
	return nil
}

// setIdentity replaces whatever identity headers the client sent, in any
// spelling, by our own.
func setIdentity(c *fiber.Ctx, id guard.Identity) {
	h := &c.Request().Header
	for _, name := range h.PeekKeys() {
		if strings.HasPrefix(strings.ReplaceAll(strings.ToLower(string(name)), "_", "-"), reserved) {
			h.DelBytes(name)
		}
	}
	h.Set(headerUser, id.UserID)
	h.Set(headerSession, id.SessionID)
	h.Set(headerTenant, id.Tenant)
	h.Set(headerRoles, strings.Join(id.Roles, ","))
	h.Set(headerScope, id.Scope)
}
