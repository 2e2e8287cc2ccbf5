package token

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// foreignEvery is refreshEvery for the keys of other issuers, which serve
	// many besides us, and publish a key long before it signs.
	foreignEvery = 5 * time.Minute
	maxRedirects = 3
)

// NewForeignKeys reads the keys of another issuer: from url or, if that is
// empty, from where its OpenID Connect discovery document says at the time. The
// client is that of NewRemoteKeys.
func NewForeignKeys(issuer, url string, client *http.Client, log *slog.Logger) *RemoteKeys {
	r := NewRemoteKeys(url, client, log.With("issuer", issuer))
	r.every = foreignEvery
	if url == "" {
		r.locate = func(ctx context.Context) (string, error) { return discover(ctx, r.client, issuer) }
	}
	return r
}

// checkRedirect keeps to https where it was asked for.
func checkRedirect(req *http.Request, via []*http.Request) error {
	switch {
	case len(via) > maxRedirects:
		return errors.New("token: too many redirects")
	case via[0].URL.Scheme == "https" && req.URL.Scheme != "https":
		return errors.New("token: redirected away from https")
	}
	return nil
}

// discover returns the jwks_uri of an issuer (OpenID Connect Discovery 1.0
// section 4). The document has to name the very issuer that it was asked of
// (section 4.3): another might stand behind the same host.
func discover(ctx context.Context, client *http.Client, issuer string) (string, error) {
	body, err := get(ctx, client, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return "", fmt.Errorf("discovery: %w", err)
	}
	var doc struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return "", errors.New("token: discovery: not a JSON object")
	}
	if doc.Issuer != issuer {
		return "", errors.New("token: discovery: the document is another issuer's")
	}
	u, err := url.Parse(doc.JWKSURI)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || strings.HasPrefix(issuer, "https:")) {
		return "", errors.New("token: discovery: no usable jwks_uri")
	}
	return doc.JWKSURI, nil
}
