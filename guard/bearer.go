package guard

import (
	"net/http"
	"strings"
)

// AccessCookie may carry the access token of a browser.
const AccessCookie = "__Host-curfew-access"

const bearerScheme = "bearer"

// TokenFrom returns the token of a request, from the header Authorization:
// Bearer or from [AccessCookie], never from the URL. The error is ErrMissing,
// or ErrMalformed: also for two of a kind, or two that differ, because whoever
// reads the request next might pick the other one. It does not ask what page
// made a browser send the cookie: [Middleware] does.
func TokenFrom(r *http.Request) (string, error) {
	var tokens []string
	headers, cookies := r.Header.Values("Authorization"), r.CookiesNamed(AccessCookie)
	if len(headers) > 1 || len(cookies) > 1 {
		return "", ErrMalformed
	}
	for _, h := range headers {
		// Another scheme is another service's business (RFC 9110 section 11.1).
		if scheme, rest, _ := strings.Cut(h, " "); strings.EqualFold(scheme, bearerScheme) {
			tokens = append(tokens, strings.TrimLeft(rest, " "))
		}
	}
	for _, c := range cookies {
		tokens = append(tokens, c.Value)
	}
	switch {
	case len(tokens) == 0:
		return "", ErrMissing
	case tokens[0] == "", len(tokens) == 2 && tokens[0] != tokens[1]:
		return "", ErrMalformed
	}
	return tokens[0], nil
}
