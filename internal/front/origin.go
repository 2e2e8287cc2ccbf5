package front

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/loopback"
)

// Origins are the origins, such as https://app.example.com, whose pages may
// make a browser act here with its cookies, besides the service's own.
type Origins map[string]bool

// ParseOrigins reads a list that is separated by commas.
func ParseOrigins(list string) Origins {
	o := Origins{}
	for origin := range strings.SplitSeq(list, ",") {
		if origin = strings.TrimSpace(origin); origin != "" {
			o[origin] = true
		}
	}
	return o
}

// guardCookies refuses, with the problem forbidden, requests that may change
// something, carry our cookies, and were made by a page of another origin:
// cross-site request forgery.
func (o Origins) guardCookies(c *fiber.Ctx) error {
	if !safe(c.Method()) && HasPair(c) {
		if err := o.Check(c); err != nil {
			return err
		}
	}
	return c.Next()
}

// CheckCookies is what guards cookies everywhere, for a route of an application
// that NewApp did not make. A WebSocket counts as something that may change,
// though it begins with a GET.
func (o Origins) CheckCookies(c *fiber.Ctx) error {
	if safe(c.Method()) && c.Get(fiber.HeaderUpgrade) == "" || !HasPair(c) {
		return nil
	}
	return o.Check(c)
}

// safe methods change nothing (RFC 9110 section 9.2.1).
func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// Check refuses a request, whatever its method, that a page of another origin
// made. It is for requests that set cookies; those that carry ours and may
// change something have been checked before any handler. The error is the
// problem forbidden.
//
// The rules are those of net/http.CrossOriginProtection. Fetch metadata
// decide, which every browser sends since 2023. Without them it is Origin,
// which every browser sends since 2020 with such requests. A request with
// neither is not of a browser that knows SameSite cookies, or of none at all,
// and passes. Stricter than there: a header that comes twice is refused, and
// Origin must have the right scheme.
func (o Origins) Check(c *fiber.Ctx) error {
	return o.checkFor(c, string(c.Request().Header.Host()))
}

func (o Origins) checkFor(c *fiber.Ctx, host string) error {
	h := &c.Request().Header
	// PeekAll lends one buffer to all its callers: what it returned first
	// must be copied before it is called again.
	site := slices.Clone(h.PeekAll("Sec-Fetch-Site"))
	if !o.allow(host, site, h.PeekAll(fiber.HeaderOrigin)) {
		return CrossOrigin()
	}
	return nil
}

func (o Origins) allow(host string, site, origin [][]byte) bool {
	switch {
	case len(site) > 1 || len(origin) > 1:
		return false
	case len(origin) == 1 && o[string(origin[0])]:
		return true
	case len(site) == 1:
		return string(site[0]) == "same-origin" || string(site[0]) == "none"
	case len(origin) == 1:
		return ownOrigin(string(origin[0]), host)
	}
	return true
}

// ownOrigin compares an origin with the host that was asked for. The scheme is
// not known behind a proxy, but it follows: browsers keep and send __Host-
// cookies over https alone, or on the machine itself.
func ownOrigin(origin, host string) bool {
	scheme, of, _ := strings.Cut(origin, "://")
	return host != "" && strings.EqualFold(of, host) && (scheme == "https" || scheme == "http" && isLoopback(host))
}

// isLoopback also takes the names below localhost, which browsers lead to their own
// machine (RFC 6761 section 6.3).
func isLoopback(host string) bool {
	name := host
	if at := strings.LastIndexByte(host, ':'); at > strings.LastIndexByte(host, ']') {
		name = host[:at]
	}
	return loopback.Is(host) || loopback.Is(strings.Trim(name, "[]")) || strings.HasSuffix(name, ".localhost")
}
