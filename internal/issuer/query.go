package issuer

import (
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/front"
)

// onlyQuery reads the URL's query and refuses what the call does not take, or
// takes once, kind excepted. Passing over a parameter that is misspelt, or
// belongs into the body, would do or show more than was asked for:
// ?dry_run=true would end all sessions. Nothing refers to the request's
// buffers.
func onlyQuery(c *fiber.Ctx, known ...string) (url.Values, error) {
	values, err := url.ParseQuery(string(c.Request().URI().QueryString()))
	if err != nil { // its text quotes the query
		return nil, front.BadRequest("the query is malformed")
	}
	for name, given := range values {
		switch {
		case !slices.Contains(known, name):
			return nil, front.BadRequest("unknown parameter; this call takes " + strings.Join(known, ", "))
		case len(given) > 1 && name != "kind":
			return nil, front.BadRequest(name + " is given twice")
		}
	}
	return values, nil
}
