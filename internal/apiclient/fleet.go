package apiclient

import (
	"context"
	"net/http"
	"time"
)

// A FleetEdge is an edge, or a program with a guard, as it reports to issuers.
type FleetEdge struct {
	ID         string `json:"id"`
	Instance   string `json:"instance"` // new at every start
	Version    string `json:"version"`
	Region     string `json:"region"`
	URL        string `json:"url,omitempty"`
	Mode       string `json:"check_mode"`
	State      string `json:"state"` // syncing, fresh, stale, gone, unreadable or unknown
	Epoch      string `json:"epoch"`
	AppliedSeq uint64 `json:"applied_seq"`
	// LagMessages is -1 if it follows another log than the issuer.
	LagMessages        int64     `json:"lag_messages"`
	LagMS              int64     `json:"lag_ms"`
	FreshAgeMS         int64     `json:"fresh_age_ms"` // -1: never
	StalenessMS        int64     `json:"staleness_ms"` // the bound B that it goes by; 0: it does not tell
	Doubt              bool      `json:"doubt"`        // it cannot read all of the log
	Entries            int       `json:"entries"`
	Overflowed         uint64    `json:"overflowed"`
	FallbackShare      float64   `json:"fallback_share"` // 0 to 1
	DecisionsPerSecond float64   `json:"decisions_per_second"`
	Store              string    `json:"store"` // vouched, unvouched or down
	KeyIDs             []string  `json:"kids"`
	LastSeen           time.Time `json:"last_seen"`
	SilentMS           int64     `json:"silent_ms"`
}

// Status is what the edge would say of itself.
func (f FleetEdge) Status() Status {
	return Status{
		ID: f.ID, State: f.State, Epoch: f.Epoch, AppliedSeq: f.AppliedSeq, FreshAgeMS: f.FreshAgeMS,
		StalenessMS: f.StalenessMS, Doubt: f.Doubt,
		Entries: f.Entries, Overflowed: f.Overflowed, Store: f.Store,
	}
}

// A Fleet is all edges that the asked issuer knows of.
type Fleet struct {
	Edges []FleetEdge `json:"edges"`
	// Epoch and Seq are how far the issuer itself has read the log.
	Epoch string `json:"epoch"`
	Seq   uint64 `json:"seq"`
	// StalenessMS is the issuer's own bound B; 0: it does not tell.
	StalenessMS int64 `json:"staleness_ms"`
	// EnforcedAfterMS is how long after a commit no edge accepts any more,
	// by the largest bound that the issuer knows of.
	EnforcedAfterMS int64 `json:"enforced_after_ms"`
}

// Fleet lists the edges, for an admin.
func (c *Client) Fleet(ctx context.Context) (f Fleet, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, url: c.admin("/admin/v1/edges"), bearer: c.Bearer, into: &f})
	return f, err
}
