package front

import (
	"bytes"
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

const (
	// AccessCookie may carry the access token.
	AccessCookie = "__Host-curfew-access"
	// RefreshCookie may carry the refresh token.
	RefreshCookie = "__Host-curfew-refresh"

	// maxToken bounds a token, in bytes.
	maxToken = 8 << 10

	bearerScheme = "bearer "
)

// Bearer returns a copy of the token that the request carries, in the header
// Authorization: Bearer or in the access cookie. The error is the problem
// token_missing, or token_malformed: also for two Authorization headers, two
// access cookies, or a header and a cookie that differ, because whoever
// reads the request next might pick the other one.
func Bearer(c *fiber.Ctx) (string, error) {
	return checked(bearer(c.Request().Header.PeekAll(fiber.HeaderAuthorization), cookieValues(c, AccessCookie)))
}

// BearerView is Bearer without the copy, for who verifies the token and then
// forgets it: it lies in the request's buffer and is good only until the handler
// returns. Of which letters it consists has not been checked.
func BearerView(c *fiber.Ctx) (string, error) {
	token, err := bearer(c.Request().Header.PeekAll(fiber.HeaderAuthorization), cookieValues(c, AccessCookie))
	return utils.UnsafeString(token), err
}

// HasBearer tells whether the request carries an access token in its header.
func HasBearer(c *fiber.Ctx) bool {
	return slices.ContainsFunc(c.Request().Header.PeekAll(fiber.HeaderAuthorization), hasBearerScheme)
}

// HeaderBearer is Bearer without the cookie, for calls that a browser must not
// be able to make on its own.
func HeaderBearer(c *fiber.Ctx) (string, error) {
	return checked(bearer(c.Request().Header.PeekAll(fiber.HeaderAuthorization), nil))
}

func checked(token []byte, err error) (string, error) {
	switch {
	case err != nil:
		return "", err
	case !isToken(token):
		return "", TokenMalformed()
	}
	return string(token), nil
}

func bearer(headers, cookies [][]byte) ([]byte, error) {
	if len(headers) > 1 || len(cookies) > 1 {
		return nil, TokenMalformed()
	}
	var room [2][]byte
	tokens := room[:0]
	if len(headers) == 1 && hasBearerScheme(headers[0]) {
		tokens = append(tokens, headerToken(headers[0]))
	}
	tokens = append(tokens, cookies...)
	switch {
	case len(tokens) == 0:
		return nil, TokenMissing()
	case len(tokens[0]) == 0, len(tokens) == 2 && !bytes.Equal(tokens[0], tokens[1]):
		return nil, TokenMalformed()
	}
	return tokens[0], nil
}

// hasBearerScheme compares without case (RFC 9110 section 11.1). Another
// scheme is another service's business.
func hasBearerScheme(header []byte) bool {
	scheme, _, _ := bytes.Cut(header[:min(len(header), len(bearerScheme))], []byte(" "))
	return bytes.EqualFold(scheme, []byte("bearer"))
}

func headerToken(header []byte) []byte {
	return bytes.TrimLeft(header[len(bearerScheme)-1:], " ")
}

// isToken checks the form b64token (RFC 6750 section 2.1).
func isToken(token []byte) bool {
	body := bytes.TrimRight(token, "=")
	if len(body) == 0 || len(token) > maxToken {
		return false
	}
	for _, b := range body {
		if !b64token[b] {
			return false
		}
	}
	return true
}

// b64token has the bytes that a token may have before its padding.
var b64token = func() (set [256]bool) {
	for _, b := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/") {
		set[b] = true
	}
	return set
}()
