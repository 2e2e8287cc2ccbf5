package front

import (
	"net/http"
	"time"
)

// What an edge answers.

// TokenMissing: the request carried no token.
func TokenMissing() *Problem {
	return unauthenticated("token_missing", "No access token was given", bare)
}

// TokenMalformed: what came cannot be a token, or several came.
func TokenMalformed() *Problem {
	return unauthenticated("token_malformed", "The access token is malformed", invalidToken)
}

// TokenInvalid: signature, issuer, audience or type are wrong.
func TokenInvalid() *Problem {
	return unauthenticated("token_invalid", "The access token is not valid here", invalidToken)
}

// TokenExpired: the token is past its exp.
func TokenExpired() *Problem {
	return unauthenticated("token_expired", "The access token has expired", invalidToken)
}

// TokenRevoked: the token, its session or something larger was revoked.
func TokenRevoked() *Problem {
	return unauthenticated("token_revoked", "The access token has been revoked", invalidToken)
}

// TokenRefreshRequired: the session goes on, but needs a new access token.
func TokenRefreshRequired() *Problem {
	return unauthenticated("token_refresh_required", "The access token must be refreshed", invalidToken)
}

// Forbidden: the token is good but does not allow this.
func Forbidden() *Problem {
	p := problem(http.StatusForbidden, "forbidden", "This is not allowed")
	p.challenge = insufficientScope
	return p
}

// CrossOrigin: a page of another origin made the browser send this. No token
// would help.
func CrossOrigin() *Problem {
	p := Forbidden()
	p.challenge = noChallenge
	p.Detail = "the request comes from a page of another origin, which may not use cookies here"
	return p
}

// FreshnessUnknown: whether the token was revoked cannot be known now.
func FreshnessUnknown() *Problem {
	return retryable(http.StatusServiceUnavailable, "freshness_unknown",
		"Whether the token is still good cannot be decided now", "", minRetry)
}

// UpstreamUnavailable: the API behind the edge did not answer.
func UpstreamUnavailable() *Problem {
	return problem(http.StatusBadGateway, "upstream_unavailable", "The service behind this one did not answer")
}

// What an issuer answers.

// BadRequest: the request cannot be understood. The detail must not repeat
// values that the client sent.
func BadRequest(detail string) *Problem {
	p := problem(http.StatusBadRequest, "bad_request", "The request is not valid")
	p.Detail = detail
	return p
}

// InvalidCredentials: unknown user or wrong password; never says which.
func InvalidCredentials() *Problem {
	return unauthenticated("invalid_credentials", "User name or password is wrong", bare)
}

// RefreshInvalid: the refresh token was never issued here.
func RefreshInvalid() *Problem {
	return unauthenticated("refresh_invalid", "The refresh token is not valid", bare)
}

// RefreshReused: the refresh token had been used; the session is over.
func RefreshReused() *Problem {
	return unauthenticated("refresh_reused", "The refresh token was used before; the session has been ended", bare)
}

// RefreshRefused is the refusal of a refresh token that another service gave,
// by its code.
func RefreshRefused(code string) *Problem {
	for _, p := range []*Problem{SessionEnded(), RefreshReused()} {
		if p.Code == code {
			return p
		}
	}
	return RefreshInvalid()
}

// SessionEnded: the session has expired or was ended.
func SessionEnded() *Problem {
	return unauthenticated("session_ended", "The session has ended", bare)
}

// Unauthorized: an admin call without the admin token.
func Unauthorized() *Problem {
	return unauthenticated("unauthorized", "This call needs a valid token", byRequest)
}

// NotFound: there is no such thing, or not for this caller.
func NotFound() *Problem { return problem(http.StatusNotFound, "not_found", "There is nothing here") }

// SessionLimit: the user has as many sessions as allowed.
func SessionLimit() *Problem {
	return problem(http.StatusConflict, "session_limit", "The user has too many sessions")
}

// RotationPending: the newest key does not sign yet.
func RotationPending() *Problem {
	return problem(http.StatusConflict, "rotation_pending", "The newest signing key does not sign yet")
}

// AccountLocked: too many failed logins; retryAfter is what is left of the lock.
func AccountLocked(retryAfter time.Duration) *Problem {
	return retryable(http.StatusTooManyRequests, "account_locked", "Too many failed logins", "", retryAfter)
}

// TooManyRequests: this client, or this account, tries too often.
func TooManyRequests(retryAfter time.Duration) *Problem {
	return retryable(http.StatusTooManyRequests, "too_many_requests", "Too many attempts", "", retryAfter)
}

// Busy: this node has all the work it takes on. Nothing was claimed.
func Busy(detail string, retryAfter time.Duration) *Problem {
	return retryable(http.StatusServiceUnavailable, "unavailable", "The service cannot answer now", detail, retryAfter)
}

// Unavailable: a part that is needed cannot be reached. Nothing was claimed.
func Unavailable(detail string) *Problem {
	return retryable(http.StatusServiceUnavailable, "unavailable", "The service cannot answer now", detail, minRetry)
}

// What both answer.

// PayloadTooLarge: the body is over the limit.
func PayloadTooLarge() *Problem {
	return problem(http.StatusRequestEntityTooLarge, "payload_too_large", "The request body is too large")
}

// HeadersTooLarge: the header is over the limit.
func HeadersTooLarge() *Problem {
	return problem(http.StatusRequestHeaderFieldsTooLarge, "headers_too_large", "The request header is too large")
}

// RequestTimeout: the request did not arrive in time.
func RequestTimeout() *Problem {
	return problem(http.StatusRequestTimeout, "request_timeout", "The request took too long to arrive")
}

// UnsupportedMediaType: the body is not what the call takes.
func UnsupportedMediaType(detail string) *Problem {
	p := problem(http.StatusUnsupportedMediaType, "unsupported_media_type", "The body has the wrong content type")
	p.Detail = detail
	return p
}

// MethodNotAllowed: the path exists, but not with this method.
func MethodNotAllowed() *Problem {
	return problem(http.StatusMethodNotAllowed, "method_not_allowed", "The path does not take this method")
}

// Internal: something is wrong inside; the log says what.
func Internal(cause error) *Problem {
	return problem(http.StatusInternalServerError, "internal", "Something went wrong inside").Because(cause)
}
