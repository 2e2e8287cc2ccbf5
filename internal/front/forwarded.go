package front

import "github.com/gofiber/fiber/v2"

// Headers in which a proxy that asks about a request names its method.
const (
	headerForwardedMethod = "X-Forwarded-Method"
	headerOriginalMethod  = "X-Original-Method"
)

// CheckForwarded is what guards cookies everywhere else, for a request that a
// proxy only asks about. The question has a method of its own, GET as a rule;
// own is the method if it is the client's nevertheless, else empty. Otherwise
// X-Forwarded-Method and X-Original-Method say it. All of them must be safe,
// and there must be one: a request that may change something for all we know
// is treated as one that does. So is one to open a WebSocket, if the proxy tells
// of it: any page can, and what follows is not seen. The error is the problem
// forbidden.
func (o Origins) CheckForwarded(c *fiber.Ctx, own string) error {
	if !HasPair(c) || forwardedSafe(c, own) {
		return nil
	}
	host := c.Request().Header.Host()
	if given := c.Request().Header.PeekAll(fiber.HeaderXForwardedHost); len(given) == 1 {
		host = given[0]
	}
	return o.checkFor(c, string(host))
}

func forwardedSafe(c *fiber.Ctx, own string) bool {
	named := own != ""
	if named && !safe(own) || len(c.Request().Header.Peek(fiber.HeaderUpgrade)) > 0 {
		return false
	}
	for _, header := range []string{headerForwardedMethod, headerOriginalMethod} {
		for _, method := range c.Request().Header.PeekAll(header) {
			if named = true; !safe(string(method)) {
				return false
			}
		}
	}
	return named
}
