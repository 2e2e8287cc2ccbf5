package contract_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// A call is one request: GET, or POST when there is a body, of JSON unless the
// header says otherwise. The document need not allow a bad one.
type call struct {
	to, method, path, bearer, body string
	header                         http.Header
	bad                            bool
}

type answer struct {
	header http.Header
	body   []byte
}

// send sends a call, checks both sides, and wants a status.
func (w *world) send(t *testing.T, c call, status int) answer {
	t.Helper()
	req, res := c.roundTrip(t)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	testenv.Must(t, err)
	if res.StatusCode != status {
		t.Errorf("%s %s: %d %s, want %d", req.Method, req.URL.Path, res.StatusCode, body, status)
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	w.of[c.to].check(t, req, c.body, c.bad, res)
	return answer{res.Header, body}
}

// roundTrip asks again when the connection was reset: a body that is too large
// is not read, and the reset that follows may overtake the answer.
func (c call) roundTrip(t *testing.T) (req *http.Request, res *http.Response) {
	t.Helper()
	testenv.Eventually(t, patience, func() (err error) {
		req = c.request(t)
		res, err = http.DefaultTransport.RoundTrip(req)
		if err != nil && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
			t.Fatal(err)
		}
		return err
	})
	return req, res
}

func (c call) request(t *testing.T) *http.Request {
	t.Helper()
	if c.method == "" {
		c.method = http.MethodGet
		if c.body != "" {
			c.method = http.MethodPost
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), c.method, c.to+c.path, strings.NewReader(c.body))
	testenv.Must(t, err)
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range c.header {
		req.Header[name] = values
	}
	if c.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	return req
}

type grant struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Session string `json:"session_id"`
}

func (a answer) grant(t *testing.T) (g grant) {
	t.Helper()
	testenv.Must(t, json.Unmarshal(a.body, &g))
	return g
}

// open opens a session, as a backend would.
func (w *world) open(t *testing.T, user string) grant {
	t.Helper()
	return w.send(t, call{
		to: w.issuer, path: "/admin/v1/sessions", bearer: w.admin,
		body: `{"user_id":"` + user + `","device":{"id":"d-1","kind":"web"}}`,
	}, http.StatusOK).grant(t)
}

// form is the header of a call with a form.
func form() http.Header {
	return http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
}
