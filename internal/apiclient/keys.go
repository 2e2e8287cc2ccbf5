package apiclient

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// A Key is a signing key of the issuer.
type Key struct {
	KeyID     string    `json:"kid"`
	Algorithm string    `json:"algorithm"`
	State     string    `json:"state"` // published, signing or retiring
	Created   time.Time `json:"created,omitzero"`
	SignsFrom time.Time `json:"signs_from,omitzero"`
	RetireAt  time.Time `json:"retire_at,omitzero"`
}

// Keys lists the signing keys, for an admin.
func (c *Client) Keys(ctx context.Context) ([]Key, error) {
	var out struct {
		Keys []Key `json:"keys"`
	}
	_, err := c.do(ctx, call{method: http.MethodGet, url: c.admin("/admin/v1/keys"), bearer: c.Bearer, into: &out})
	return out.Keys, err
}

// RotateKeys makes a key of the algorithm, or of the issuer's when empty.
func (c *Client) RotateKeys(ctx context.Context, algorithm string) (k Key, err error) {
	what := call{method: http.MethodPost, url: c.admin("/admin/v1/keys/rotate"), bearer: c.Bearer, into: &k}
	if algorithm != "" {
		what.body = map[string]string{"algorithm": algorithm}
	}
	_, err = c.do(ctx, what)
	return k, err
}

// JWKS returns the issuer's public keys as published, and its clock.
func (c *Client) JWKS(ctx context.Context) (set json.RawMessage, date time.Time, err error) {
	a, err := c.do(ctx, call{method: http.MethodGet, url: c.Issuer + "/.well-known/jwks.json", into: &set})
	return set, a.date, err
}

// Metadata is what an issuer says of itself (RFC 8414), as far as it is needed.
type Metadata struct {
	Issuer string `json:"issuer"`
}

// Metadata asks the issuer for its name, the iss of its tokens.
func (c *Client) Metadata(ctx context.Context) (m Metadata, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, url: c.Issuer + "/.well-known/oauth-authorization-server", into: &m})
	return m, err
}

// Introspect asks whether a token is good at this moment (RFC 7662), for an
// admin.
func (c *Client) Introspect(ctx context.Context, token string) (active bool, err error) {
	var out struct {
		Active bool `json:"active"`
	}
	_, err = c.do(ctx, call{
		method: http.MethodPost, url: c.admin("/oauth2/introspect"), bearer: c.Bearer,
		body: url.Values{"token": {token}}, into: &out,
	})
	return out.Active, err
}
