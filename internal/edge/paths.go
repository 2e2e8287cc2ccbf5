package edge

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
)

// ambiguous reports whether servers may take the path apart differently: empty
// and dot segments, parameters after a semicolon (RFC 3986 section 3.3),
// backslashes, control characters, what only looks like one of these, and all
// of that hidden behind a percent sign, once or more.
func ambiguous(path string) bool {
	plain, err := url.PathUnescape(path)
	if err != nil || !utf8.ValidString(plain) || !strings.HasPrefix(path, "/") ||
		strings.Contains(path, "//") || strings.ContainsAny(plain, `\;?#%`) {
		return true
	}
	for _, structural := range []string{"/", "."} {
		if strings.Count(plain, structural) != strings.Count(path, structural) {
			return true
		}
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return strings.ContainsFunc(plain, deceptive)
}

// deceptive are control characters, and the Unicode blocks of punctuation and
// compatibility forms, which some servers fold to ASCII.
func deceptive(r rune) bool {
	return r < ' ' || r >= 0x7f && r <= 0xa0 || r >= 0x2000 && r <= 0x2fff || r >= 0xfb00 && r <= 0xffff || r >= 0xe0000
}

// encoded reports whether some server may read the segment as another one.
func encoded(segment string) bool {
	return strings.ContainsFunc(segment, func(r rune) bool { return r == '%' || r <= ' ' || r > '~' })
}

// The ways to compare a rule's segment with a path's.

func same(rule, segment string) bool { return rule == segment }

// similar ignores case, and everything from the first dot on.
func similar(rule, segment string) bool {
	stem, _, _ := strings.Cut(segment, ".")
	return strings.EqualFold(rule, segment) || strings.EqualFold(rule, stem)
}

func conceivable(rule, segment string) bool { return encoded(segment) || similar(rule, segment) }

// misleading are headers by which some frameworks let the client name another
// method or path than the request line's, in any spelling.
var misleading = []string{"x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"}

func overridden(c *fiber.Ctx) (found bool) {
	for name := range c.Request().Header.All() {
		found = found || slices.Contains(misleading, plainName(string(name)))
	}
	return found
}

// pathOf is the path as the client wrote it; what it writes in absolute form
// is ambiguous.
func pathOf(c *fiber.Ctx) string {
	path, _, _ := strings.Cut(c.OriginalURL(), "?")
	return path
}
