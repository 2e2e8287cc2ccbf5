package codes_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// A call is one request: GET, or POST when there is a body of JSON.
type call struct {
	method, url, bearer, body string
	header                    http.Header
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// send sends a call until it is answered: whoever refuses to read the rest of
// a request may cut the connection before we have read why.
func (c call) send(t *testing.T) (a answer) {
	t.Helper()
	testenv.Eventually(t, patience, func() (err error) { a, err = c.try(); return err })
	return a
}

func (c call) try() (answer, error) {
	if c.method == "" && c.body != "" {
		c.method = http.MethodPost
	}
	req, err := http.NewRequest(c.method, c.url, strings.NewReader(c.body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	for name, values := range c.header {
		req.Header[name] = values
	}
	if c.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, body}, err
}

type document struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Code      string `json:"code"`
	RequestID string `json:"request_id"`
}

// refuses checks everything that the contract says of a refusal.
func (r row) refuses(t *testing.T, a answer) (d document) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(a.body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	want := document{"urn:curfew:problem:" + r.code, d.Title, r.status, d.Detail, r.code, a.header.Get("X-Request-Id")}
	if d != want || a.status != r.status || d.Title == "" || !strings.Contains(d.Detail, r.detail) || (r.detail == "") != (d.Detail == "") {
		t.Errorf("%d %s, want %d %s, detail %q", a.status, a.body, r.status, r.code, r.detail)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/problem+json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
	} {
		if got := a.header.Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	if got := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, r.challenge) || (got == "") != (r.challenge == "") {
		t.Errorf("WWW-Authenticate %q, want %q", got, r.challenge)
	}
	r.checkRetry(t, a.header.Get("Retry-After"))
	return d
}

// checkRetry: whole seconds, of at most r.retry.
func (r row) checkRetry(t *testing.T, got string) {
	t.Helper()
	if r.retry == 0 {
		if got != "" {
			t.Errorf("Retry-After %q, want none", got)
		}
		return
	}
	if n, err := strconv.Atoi(got); err != nil || n < 1 || n > r.retry {
		t.Errorf("Retry-After %q, want 1 to %d", got, r.retry)
	}
}
