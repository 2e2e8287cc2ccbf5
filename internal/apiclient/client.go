package apiclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// callTimeout bounds a call that waits for nothing but its answer.
	callTimeout = 30 * time.Second
	// maxAnswer bounds an answer, in bytes: some ten thousand sessions.
	maxAnswer = 64 << 20
)

// A Client calls one issuer.
type Client struct {
	Issuer string // base URL, without a slash at the end
	Admin  string // base URL of the admin calls; empty: Issuer
	// Bearer authorises the admin calls: an admin's token, or the access
	// token of a user with the admin role.
	Bearer string
	HTTP   *http.Client
}

// New returns a client that follows no redirects and adds a User-Agent. It verifies
// servers as c says; nil: by the system's authorities.
func New(issuer, version string, c *tls.Config) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = c
	return &Client{Issuer: strings.TrimRight(issuer, "/"), HTTP: &http.Client{
		Transport:     agent{transport, "curfew/" + version},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// agent says who calls, for the trail.
type agent struct {
	next http.RoundTripper
	name string
}

func (a agent) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", a.name)
	return a.next.RoundTrip(req)
}

// A call is one request and where its answer goes.
type call struct {
	method, url string
	bearer      string
	query       url.Values
	body        any           // JSON, or a form when it is url.Values
	into        any           // nil: the answer's body is not wanted
	patience    time.Duration // beyond callTimeout
}

// An answer is what a call brought besides its body.
type answer struct {
	status int
	date   time.Time // the server's clock; zero if it does not tell
}

func (c *Client) do(ctx context.Context, what call) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout+what.patience)
	defer cancel()
	res, err := c.send(ctx, what)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	out := answer{status: res.StatusCode}
	out.date, _ = http.ParseTime(res.Header.Get("Date"))
	if what.into == nil {
		return out, nil
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return out, fmt.Errorf("reading the answer of %s: %w", where(what.url), err)
	case len(body) > maxAnswer:
		return out, fmt.Errorf("%s answers with more than %d bytes", where(what.url), maxAnswer)
	case json.Unmarshal(body, what.into) != nil: // its error may quote the answer
		return out, fmt.Errorf("%s does not answer as Curfew does; is the URL right?", where(what.url))
	}
	return out, nil
}

// send returns an answer of the 200s, or a *Problem.
func (c *Client) send(ctx context.Context, what call) (*http.Response, error) {
	req, err := what.request(ctx)
	if err != nil {
		return nil, err
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, unreachable(what.url, err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		defer res.Body.Close()
		return nil, problemOf(res)
	}
	return res, nil
}

func (what call) request(ctx context.Context) (*http.Request, error) {
	kind, body, err := what.encode()
	if err != nil {
		return nil, err
	}
	link := what.url
	if len(what.query) > 0 {
		link += "?" + what.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, what.method, link, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("malformed URL")
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if what.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+what.bearer)
	}
	return req, nil
}

func (what call) encode() (kind string, body []byte, err error) {
	switch b := what.body.(type) {
	case nil:
		return "", nil, nil
	case url.Values:
		return "application/x-www-form-urlencoded", []byte(b.Encode()), nil
	}
	body, err = json.Marshal(what.body)
	return "application/json", body, err
}

func (c *Client) admin(path string) string {
	if c.Admin != "" {
		return strings.TrimRight(c.Admin, "/") + path
	}
	return c.Issuer + path
}
