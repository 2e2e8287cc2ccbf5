package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// A Refusal is an error of this package as a front answers it: the same codes
// as those of the edge.
type Refusal struct {
	Code   string // stable, for programs
	Status int    // of HTTP
	Title  string // for people

	challenge string
	cause     error
}

var refusals = []struct {
	err error
	Refusal
}{
	{ErrMissing, Refusal{Code: "token_missing", Status: http.StatusUnauthorized, Title: "No access token was given", challenge: "Bearer"}},
	{ErrMalformed, unauthenticated("token_malformed", "The access token is malformed")},
	{ErrExpired, unauthenticated("token_expired", "The access token has expired")},
	{ErrRevoked, unauthenticated("token_revoked", "The access token has been revoked")},
	{ErrRefreshRequired, unauthenticated("token_refresh_required", "The access token must be refreshed")},
	{ErrInvalid, unauthenticated("token_invalid", "The access token is not valid here")},
	{ErrForbidden, Refusal{Code: "forbidden", Status: http.StatusForbidden, Title: "This is not allowed"}},
}

func unauthenticated(code, title string) Refusal {
	return Refusal{Code: code, Status: http.StatusUnauthorized, Title: title, challenge: `Bearer error="invalid_token"`} // RFC 6750 section 3
}

// RefusalOf says how to answer an error of this package. Any other error is
// answered like ErrUnknown: the request must not pass.
func RefusalOf(err error) *Refusal {
	var scope *missingScope
	for _, r := range refusals {
		if !errors.Is(err, r.err) {
			continue
		}
		out := r.Refusal
		out.cause = err
		if errors.As(err, &scope) { // RFC 6750 section 3.1
			out.challenge = fmt.Sprintf("Bearer error=%q, scope=%q", "insufficient_scope", strings.Join(scope.want, " "))
		}
		return &out
	}
	return &Refusal{
		Code: "freshness_unknown", Status: http.StatusServiceUnavailable,
		Title: "Whether the token is still good cannot be decided now", cause: err,
	}
}

// Error is the code. The cause is for logs: see Unwrap.
func (r *Refusal) Error() string { return r.Code }

// Unwrap gives the error that was answered.
func (r *Refusal) Unwrap() error { return r.cause }

// Header returns the header fields of the answer.
func (r *Refusal) Header() http.Header {
	h := http.Header{
		"Content-Type": {"application/problem+json"}, "Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"},
	}
	if r.challenge != "" {
		h.Set("WWW-Authenticate", r.challenge)
	}
	if r.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	return h
}

// Body returns the problem document (RFC 9457) of the answer.
func (r *Refusal) Body() []byte {
	body, err := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Code   string `json:"code"`
	}{"urn:curfew:problem:" + r.Code, r.Title, r.Status, r.Code})
	if err != nil {
		panic(err) // it is two strings and a number
	}
	return body
}

// ServeHTTP writes the answer.
func (r *Refusal) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	for name, values := range r.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(r.Status)
	_, _ = w.Write(r.Body())
}
