package front

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
)

const (
	// maxCookie is what browsers keep of a cookie's name and value, in
	// bytes; one that is larger they drop without a word (RFC 6265bis
	// section 5.7).
	maxCookie = 4096
	// maxRefresh bounds a refresh token, in bytes.
	maxRefresh = 256
)

// A Pair is what a browser keeps of a session.
type Pair struct {
	Access  string
	Refresh string
	// Lifetime is how long the browser keeps both. An access token outlives
	// its use there, so that the refresh token is never left alone: see
	// docs/sessions.md.
	Lifetime time.Duration
}

type (
	pairKey  struct{}
	tokenKey struct{}
)

// SetPair makes the answer set both cookies, whatever else becomes of it: a
// rotated refresh token that got lost with a failed answer would end the
// session. The error says that the access token does not fit a cookie.
func SetPair(c *fiber.Ctx, p Pair) error {
	if n := len(AccessCookie) + len(p.Access); n > maxCookie {
		return fmt.Errorf("front: the access token does not fit a cookie: %d bytes, and browsers keep %d", n, maxCookie)
	}
	c.Locals(pairKey{}, p)
	return nil
}

// ClearPair makes the answer delete both cookies.
func ClearPair(c *fiber.Ctx) { c.Locals(pairKey{}, Pair{}) }

// TokenHeader hands a renewed access token to the scripts of a page.
const TokenHeader = "X-Curfew-Access-Token"

// ShowToken makes the answer show an access token to scripts, too.
func ShowToken(c *fiber.Ctx, access string) { c.Locals(tokenKey{}, access) }

// writePair comes after the handler, which may have replaced all headers.
func writePair(c *fiber.Ctx) {
	p, given := c.Locals(pairKey{}).(Pair)
	if !given {
		return
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	for _, cookie := range p.cookies() {
		c.Response().Header.DelCookie(cookie.Name)
		c.Response().Header.Add(fiber.HeaderSetCookie, cookie.String())
	}
	if access, shown := c.Locals(tokenKey{}).(string); shown {
		c.Set(TokenHeader, access)
	}
}

// seal puts on the header of an answer that does not pass through c what every
// answer carries: the request's id, and the pair if there is one.
func seal(c *fiber.Ctx, h http.Header) {
	h.Set(fiber.HeaderXRequestID, RequestID(c))
	p, given := c.Locals(pairKey{}).(Pair)
	if !given {
		return
	}
	h.Set(fiber.HeaderCacheControl, "no-store")
	h["Set-Cookie"] = slices.DeleteFunc(h["Set-Cookie"], func(line string) bool {
		name, _, _ := strings.Cut(line, "=")
		return namesPair(name)
	})
	for _, cookie := range p.cookies() {
		h.Add(fiber.HeaderSetCookie, cookie.String())
	}
	if access, shown := c.Locals(tokenKey{}).(string); shown {
		h.Set(TokenHeader, access)
	}
}

func (p Pair) cookies() [2]http.Cookie {
	return [...]http.Cookie{pairCookie(AccessCookie, p.Access, p.Lifetime), pairCookie(RefreshCookie, p.Refresh, p.Lifetime)}
}

func pairCookie(name, value string, lifetime time.Duration) http.Cookie {
	age := int(lifetime / time.Second)
	if value == "" || age <= 0 {
		value, age = "", -1 // Max-Age=0: delete it
	}
	return http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: age,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}

// RefreshToken returns a copy of the refresh cookie, or nothing if there is
// none. The error is the problem bad_request: a browser keeps one cookie of
// the name, so that two come from somebody who hopes that different programs
// pick different ones.
func RefreshToken(c *fiber.Ctx) (string, error) {
	switch found := cookieValues(c, RefreshCookie); {
	case len(found) == 0:
		return "", nil
	case len(found) > 1, len(found[0]) > maxRefresh, !isToken(found[0]):
		return "", BadRequest("the refresh cookie is malformed")
	default:
		return string(found[0]), nil
	}
}

// HasPair tells whether the request carries one of the two cookies.
func HasPair(c *fiber.Ctx) bool {
	return len(cookieValues(c, AccessCookie))+len(cookieValues(c, RefreshCookie)) > 0
}

// cookieValues compares names byte by byte. A browser guarantees what the
// prefix __Host- promises (RFC 6265bis section 4.1.3) for this spelling only.
func cookieValues(c *fiber.Ctx, name string) (values [][]byte) {
	for key, value := range c.Request().Header.Cookies() {
		if string(key) == name {
			values = append(values, value)
		}
	}
	return values
}

// StripPair removes both cookies from Cookie headers that are to be passed on,
// in any spelling that whoever reads them might take for ours. The rest stays
// as it is.
func StripPair(h http.Header) {
	lines := h["Cookie"]
	delete(h, "Cookie")
	for _, line := range lines {
		var kept []string
		for pair := range strings.SplitSeq(line, ";") {
			if name, _, _ := strings.Cut(pair, "="); !namesPair(name) {
				kept = append(kept, pair)
			}
		}
		if rest := strings.TrimSpace(strings.Join(kept, ";")); rest != "" {
			h.Add("Cookie", rest)
		}
	}
}

func namesPair(name string) bool {
	name = strings.TrimSpace(name)
	return strings.EqualFold(name, AccessCookie) || strings.EqualFold(name, RefreshCookie)
}
