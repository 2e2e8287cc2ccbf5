package apiclient

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// An Edge calls one edge.
type Edge struct {
	URL string
	c   *Client
}

// Edge returns a client of the edge at a URL, which is verified as the issuer is.
func (c *Client) Edge(url string) *Edge { return &Edge{URL: strings.TrimRight(url, "/"), c: c} }

// A Status is what an edge says of itself.
type Status struct {
	ID         string `json:"id"`
	State      string `json:"state"` // syncing, fresh or stale
	Epoch      string `json:"epoch"`
	AppliedSeq uint64 `json:"applied_seq"`
	FreshAgeMS int64  `json:"fresh_age_ms"` // -1: never
	// StalenessMS is the bound B that it goes by; 0: it does not tell.
	StalenessMS int64 `json:"staleness_ms"`
	// Doubt: it cannot read all of the log.
	Doubt      bool   `json:"doubt"`
	Entries    int    `json:"entries"`
	Overflowed uint64 `json:"overflowed"`
	Store      string `json:"store"` // vouched, unvouched or down

	Date time.Time `json:"-"` // the edge's clock, whole seconds
}

// Status asks the edge how far it can be trusted.
func (e *Edge) Status(ctx context.Context) (s Status, err error) {
	a, err := e.c.do(ctx, call{method: http.MethodGet, url: e.URL + "/statusz", into: &s})
	s.Date = a.date
	return s, err
}

// An Identity is who an edge takes the bearer of a token for.
type Identity struct {
	UserID    string `json:"user_id"`
	SessionID string `json:"session_id"`
	Edge      string `json:"edge"`
}

// Whoami presents an access token at the edge. A refusal is a *Problem.
func (e *Edge) Whoami(ctx context.Context, accessToken string) (id Identity, err error) {
	_, err = e.c.do(ctx, call{method: http.MethodGet, url: e.URL + "/v1/whoami", bearer: accessToken, into: &id})
	return id, err
}
