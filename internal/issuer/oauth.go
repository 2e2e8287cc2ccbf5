package issuer

import (
	"errors"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/session"
)

// Error codes of RFC 6749 section 5.2. For a service that cannot answer the
// RFC has none at these endpoints; temporarily_unavailable is that of the
// authorization endpoint (section 4.1.2.1).
const (
	invalidRequest         = "invalid_request"
	invalidClient          = "invalid_client"
	invalidGrant           = "invalid_grant"
	invalidScope           = "invalid_scope"
	unsupportedGrantType   = "unsupported_grant_type"
	unsupportedTokenType   = "unsupported_token_type" // RFC 7009 section 2.2.1
	temporarilyUnavailable = "temporarily_unavailable"
)

// An oauthError is an error in the form that OAuth clients read. Its
// description is ASCII and repeats nothing that the client sent.
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func (e *oauthError) Error() string { return e.Code + ": " + e.Description }

// oauth answers the errors of a handler by RFC 6749 instead of by a problem
// document. What is wrong inside stays a problem.
func oauth(handler fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		err := handler(c)
		if err == nil {
			return nil
		}
		e := oauthErrorOf(err)
		if e == nil {
			return err
		}
		status := http.StatusBadRequest
		if e.Code == temporarilyUnavailable {
			c.Set(fiber.HeaderRetryAfter, "1")
			status = http.StatusServiceUnavailable
		}
		return sendUncached(c.Status(status), e)
	}
}

func oauthErrorOf(err error) *oauthError {
	if e, ok := errors.AsType[*oauthError](err); ok {
		return e
	}
	switch {
	case errors.Is(err, session.ErrRefreshInvalid):
		return &oauthError{invalidGrant, front.RefreshInvalid().Title}
	case errors.Is(err, session.ErrRefreshReused):
		return &oauthError{invalidGrant, front.RefreshReused().Title}
	case errors.Is(err, session.ErrEnded):
		return &oauthError{invalidGrant, front.SessionEnded().Title}
	case errors.Is(err, session.ErrScope):
		return &oauthError{invalidScope, "the scope is malformed or exceeds that of the session"}
	case errors.Is(err, session.ErrUnavailable):
		return &oauthError{temporarilyUnavailable, front.Unavailable("").Title}
	}
	return nil
}

// sendUncached sends JSON with the headers of RFC 6749 section 5.1. Every
// answer has Cache-Control: no-store already.
func sendUncached(c *fiber.Ctx, v any) error {
	c.Set(fiber.HeaderPragma, "no-cache")
	return c.JSON(v)
}
