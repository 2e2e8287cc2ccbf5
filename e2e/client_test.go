package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv"
)

var client = &http.Client{
	Transport:     keeping(),
	Timeout:       20 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// keeping keeps a connection for each of the clients of a test, so that
// thousands of calls do not use up the ports.
func keeping() *http.Transport {
	tr := http.DefaultTransport.(*http.Transport).Clone()
	tr.MaxIdleConnsPerHost, tr.TLSClientConfig = clients, trusting()
	tr.Protocols = new(http.Protocols)
	tr.Protocols.SetHTTP1(true) // some calls say what HTTP/2 has no words for
	return tr
}

// A call is one request. The method is GET, or POST when there is a body.
type call struct {
	method, url string
	bearer      string
	header      http.Header
	body        string // JSON, unless the header says otherwise
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func send(c call) (answer, error) {
	if c.method == "" && c.body != "" {
		c.method = http.MethodPost
	}
	req, err := http.NewRequest(c.method, c.url, strings.NewReader(c.body))
	if err != nil {
		return answer{}, err
	}
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range c.header {
		req.Header[name] = values
	}
	if c.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	res, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, body}, err
}

// must is send for many goroutines of one test.
func must(t *testing.T, what call) answer {
	a, err := send(what)
	if err != nil {
		t.Error(err)
	}
	return a
}

// do sends a call that must be answered.
func (s *setup) do(t *testing.T, c call) answer {
	t.Helper()
	a, err := send(c)
	testenv.Must(t, err)
	return s.discreet(t, c, a)
}

// insist is do for a call that may be repeated and may be too large: whoever
// refuses to read the rest may cut the connection before we have read why.
func (s *setup) insist(t *testing.T, c call) (a answer) {
	t.Helper()
	testenv.Eventually(t, patience, func() (err error) { a, err = send(c); return err })
	return s.discreet(t, c, a)
}

// discreet checks that no refusal repeats a secret.
func (s *setup) discreet(t *testing.T, c call, a answer) answer {
	t.Helper()
	if a.status >= 400 {
		for _, name := range s.secrets.in(string(a.body)) {
			t.Errorf("the answer to %s %s repeats %s: %s", c.method, c.url, name, a.body)
		}
	}
	return a
}

// decode reads an answer 200 strictly: neither a field more nor another type.
func decode[T any](t *testing.T, a answer) (v T) {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("status %d %s, want 200", a.status, a.body)
	}
	dec := json.NewDecoder(bytes.NewReader(a.body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return v
}

func toJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // a mistake in the test
	}
	return string(text)
}

// A problem is a problem document (RFC 9457).
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Code      string `json:"code"`
	RequestID string `json:"request_id"`
}

// mustRefuse checks everything that the contract says of a refusal.
func (a answer) mustRefuse(t *testing.T, status int, code string) problem {
	t.Helper()
	var p problem
	if err := json.Unmarshal(a.body, &p); err != nil || a.status != status || p.Code != code || p.Status != status {
		t.Errorf("got %d %s, want %d %s", a.status, a.body, status, code)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" || p.Type == "" || p.Title == "" {
		t.Errorf("not a problem document: %s %s", got, a.body)
	}
	if got := a.header.Get("WWW-Authenticate"); status == http.StatusUnauthorized && !strings.HasPrefix(got, "Bearer") {
		t.Errorf("401 with WWW-Authenticate %q", got)
	}
	if status == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("a refusal with Cache-Control %q", got)
	}
	return p
}
