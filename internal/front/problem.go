package front

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
)

const (
	problemType = "application/problem+json"
	// typePrefix and the code make a problem's type URI: an identifier,
	// nothing can be fetched there (RFC 9457 section 3.1.1).
	typePrefix = "urn:curfew:problem:"
	// minRetry is the least Retry-After can say.
	minRetry = time.Second
)

// A Problem is an error with all that a client may know of it. Handlers
// return it.
type Problem struct {
	Code   string // stable, for programs
	Status int
	Title  string // the same for every problem of the code
	Detail string // what is particular to this one; may be empty

	retryAfter time.Duration // 0: no Retry-After
	challenge  challenge
	cause      error
}

type challenge int

const (
	noChallenge       challenge = iota
	bare                        // WWW-Authenticate: Bearer, without an error
	invalidToken                // … error="invalid_token"
	byRequest                   // invalidToken if there was an Authorization header, else bare
	insufficientScope           // … error="insufficient_scope"
)

func (p *Problem) Error() string {
	text := p.Code
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	if p.cause != nil {
		text += ": " + p.cause.Error()
	}
	return text
}

// Unwrap gives the cause, which is for logs and never for clients.
func (p *Problem) Unwrap() error { return p.cause }

// Because returns a copy of the problem with its cause.
func (p *Problem) Because(cause error) *Problem {
	q := *p
	q.cause = cause
	return &q
}

// Write makes the problem the response.
func (p *Problem) Write(c *fiber.Ctx) error {
	body, err := json.Marshal(struct {
		Type      string `json:"type"`
		Title     string `json:"title"`
		Status    int    `json:"status"`
		Detail    string `json:"detail,omitempty"`
		Code      string `json:"code"`
		RequestID string `json:"request_id,omitempty"`
	}{typePrefix + p.Code, p.Title, p.Status, p.Detail, p.Code, RequestID(c)})
	if err != nil {
		return err
	}
	p.writeHeaders(c)
	return c.Status(p.Status).Send(body)
}

func (p *Problem) writeHeaders(c *fiber.Ctx) {
	secure(c)
	c.Set(fiber.HeaderContentType, problemType)
	if p.retryAfter > 0 {
		c.Set(fiber.HeaderRetryAfter, seconds(p.retryAfter))
	}
	if text := p.challengeFor(c.Get(fiber.HeaderAuthorization) != ""); text != "" {
		c.Set(fiber.HeaderWWWAuthenticate, text)
	}
}

// challengeFor is the value of WWW-Authenticate, or nothing (RFC 6750 section
// 3). A request without authentication is told no error: it made none.
func (p *Problem) challengeFor(authenticated bool) string {
	kind := p.challenge
	if kind == byRequest {
		kind = bare
		if authenticated {
			kind = invalidToken
		}
	}
	switch kind {
	case bare:
		return `Bearer realm="curfew"`
	case invalidToken:
		return p.challengeError("invalid_token")
	case insufficientScope:
		return p.challengeError("insufficient_scope")
	}
	return ""
}

// challengeError puts the error first, for readers that look only at the
// start. Titles are ASCII without quotes, as error_description must be.
func (p *Problem) challengeError(code string) string {
	return `Bearer error="` + code + `", error_description="` + p.Title + `", realm="curfew"`
}

// seconds rounds up, so that a client does not come back too early.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64(math.Ceil(max(d, minRetry).Seconds())), 10)
}

func problem(status int, code, title string) *Problem {
	return &Problem{Code: code, Status: status, Title: title}
}

func unauthenticated(code, title string, ch challenge) *Problem {
	return &Problem{Code: code, Status: http.StatusUnauthorized, Title: title, challenge: ch}
}

func retryable(status int, code, title, detail string, after time.Duration) *Problem {
	return &Problem{Code: code, Status: status, Title: title, Detail: detail, retryAfter: max(after, minRetry)}
}
