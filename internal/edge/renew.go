package edge

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/front"
)

// headerDevice says which device a client claims to be. The issuer compares it
// for sessions that are bound to theirs.
const headerDevice = "X-Curfew-Device"

// renewed takes what was found out about the access token of a request and,
// if that is not good or not for much longer, tries to go on with another one:
// the issuer gives a pair for the refresh cookie, and the answer hands it to
// the browser. Only cookies are renewed. A client that sends its token in a
// header holds its refresh token too, and asks the issuer itself.
func (e *Edge) renewed(c *fiber.Ctx, a admission, err error) (admission, error) {
	if e.renewer == nil || !e.due(a, err) || front.HasBearer(c) || e.crossOrigin(c) {
		return a, err
	}
	refresh, malformed := front.RefreshToken(c)
	if malformed != nil || refresh == "" {
		return a, err
	}
	pair, failure := e.renewer.renew(refresh, clientOf(c))
	switch refusal, refused := errors.AsType[*front.Problem](failure); {
	case failure == nil:
		return e.goOn(c, pair)
	case refused && (err != nil || refusal.Code != "refresh_invalid"):
		if refusal.Code != "refresh_invalid" || c.Get(headerDevice) != "" {
			front.ClearPair(c) // the session is over, and the issuer said why
		}
		// Else it may live and be bound to a device. A browser does not name
		// one when it opens a page; the page's scripts can.
		return admission{}, refusal
	case err == nil:
		return a, nil // good for a while yet
	}
	// Not 401: the page would send a user to the login who has a session.
	return admission{}, front.Unavailable("the session cannot be renewed right now").Because(failure)
}

// crossOrigin: a page of another site does not get to rotate tokens, not even
// with requests that change nothing else. A link from a sibling host does.
func (e *Edge) crossOrigin(c *fiber.Ctx) bool {
	return e.origins.Check(c) != nil && c.Get("Sec-Fetch-Site") != "same-site"
}

// goOn decides by the new token, as by any other: a session that ended since
// is refused here.
func (e *Edge) goOn(c *fiber.Ctx, pair front.Pair) (admission, error) {
	if err := front.SetPair(c, pair); err != nil {
		return admission{}, err
	}
	if e.config.RenewHeader {
		front.ShowToken(c, pair.Access)
	}
	return e.decide(c, pair.Access)
}

// clientOf lists what the issuer shall know of the client whose session is
// renewed. Nothing else of the request goes there. Our peer is appended to
// X-Forwarded-For as by any proxy; the issuer believes it if it trusts us.
func clientOf(c *fiber.Ctx) http.Header {
	h := http.Header{}
	var hops []string
	for _, line := range c.Request().Header.PeekAll(fiber.HeaderXForwardedFor) {
		hops = append(hops, string(line))
	}
	h.Set(fiber.HeaderXForwardedFor, strings.Join(append(hops, c.Context().RemoteIP().String()), ", "))
	h.Set(fiber.HeaderXRequestID, front.RequestID(c))
	h.Set(fiber.HeaderUserAgent, strings.Clone(c.Get(fiber.HeaderUserAgent))) // empty: none, not Go's
	if device := strings.Clone(c.Get(headerDevice)); device != "" {
		h.Set(headerDevice, device)
	}
	return h
}
