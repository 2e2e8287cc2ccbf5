package apiclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// maxProblem bounds the body of a refusal, in bytes.
const maxProblem = 64 << 10

// A Problem is a refusal (RFC 9457). Code is empty when what answered is not
// Curfew.
type Problem struct {
	Status     int           `json:"status"`
	Code       string        `json:"code"`
	Title      string        `json:"title"`
	Detail     string        `json:"detail"`
	RequestID  string        `json:"request_id"`
	RetryAfter time.Duration `json:"-"` // 0: it does not say
	Date       time.Time     `json:"-"` // the server's clock
	Host       string        `json:"-"` // who refused
}

func (p *Problem) Error() string {
	text := fmt.Sprintf("%s answers %d", p.Host, p.Status)
	if p.Code == "" {
		return text + " and no reason; is the URL right?"
	}
	text += " " + p.Code + ": " + p.Title
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	if p.RetryAfter > 0 {
		text += fmt.Sprintf(" (try again in %v)", p.RetryAfter)
	}
	return text
}

// Code returns the code of the Problem that err is, or nothing.
func Code(err error) string {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p.Code
	}
	return ""
}

func problemOf(res *http.Response) *Problem {
	p := &Problem{}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxProblem))
	if err != nil || json.Unmarshal(body, p) != nil {
		p = &Problem{}
	}
	if p.Code == "" {
		p.readOAuth(body)
	}
	p.Code, p.Title, p.Detail = plain(p.Code), plain(p.Title), plain(p.Detail)
	p.Status, p.Host = res.StatusCode, res.Request.URL.Host
	p.Date, _ = http.ParseTime(res.Header.Get("Date"))
	if n, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && n > 0 {
		p.RetryAfter = time.Duration(n) * time.Second
	}
	return p
}

// ErrUnreachable is wrapped by errors of calls that brought no answer.
var ErrUnreachable = errors.New("no answer")

// unreachable leaves the query out: nothing in it is secret, but it is long.
func unreachable(link string, err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err
	}
	return fmt.Errorf("%w from %s: %w", ErrUnreachable, where(link), err)
}

// where is the host of a URL.
func where(link string) string {
	if u, err := url.Parse(link); err == nil && u.Host != "" {
		return u.Host
	}
	return "that URL"
}

// plain drops what could steer a terminal: errors are shown on one.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, text)
}

// readOAuth reads the other form that refusals have (RFC 6749 section 5.2).
func (p *Problem) readOAuth(body []byte) {
	var e struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &e) == nil {
		p.Code, p.Title = e.Code, e.Description
	}
}
