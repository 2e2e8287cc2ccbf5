package apiclient

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

const (
	// dryRunPatience is for a dry run: it looks at every session.
	dryRunPatience = 5 * time.Minute
	// longestWait is what a wait without a timeout may take: the longest
	// staleness bound that an issuer can have, and its margin.
	longestWait = 90 * time.Second
)

// A Wait says what a revoking call waits for before it is answered.
type Wait struct {
	For     string        // commit, confirmed or enforced; empty: commit
	Timeout time.Duration // 0: the issuer's
}

func (w Wait) query() url.Values {
	q := url.Values{}
	if w.For != "" {
		q.Set("wait", w.For)
	}
	if w.Timeout > 0 {
		q.Set("timeout", w.Timeout.String())
	}
	return q
}

// patience is how much longer than others the call may take. Giving up on one
// that is committed would look as if nothing had happened.
func (w Wait) patience() time.Duration {
	if w.Timeout == 0 && w.For != "" && w.For != "commit" {
		return longestWait
	}
	return w.Timeout
}

// A Revocation is what an admin wants ended.
type Revocation struct {
	Scope  string `json:"scope"`
	ID     string `json:"id,omitempty"`
	Tenant string `json:"tenant,omitempty"`
	User   string `json:"user,omitempty"`
	Mode   string `json:"mode,omitempty"`
	Reason string `json:"reason,omitempty"`
	Issuer string `json:"issuer,omitempty"` // of the tokens, if that is another
	DryRun bool   `json:"dry_run,omitempty"`
}

// A Receipt says what has become of a revocation.
type Receipt struct {
	RevocationID string  `json:"revocation_id"`
	Scope        string  `json:"scope"`
	ID           string  `json:"id"`
	Status       string  `json:"status"` // committed or pending
	Seq          uint64  `json:"seq"`
	ElapsedMS    float64 `json:"elapsed_ms"`

	// Edges and Enforced are there if it was waited for them.
	Edges    *Confirmation `json:"edges,omitempty"`
	Enforced bool          `json:"enforced,omitempty"` // no edge can accept any more

	Receipts []Receipt `json:"receipts,omitempty"` // of a device: one for each session
}

// A Confirmation is how many edges have a revocation.
type Confirmation struct {
	Expected  int      `json:"expected"`
	Confirmed int      `json:"confirmed"`
	Missing   []string `json:"missing"` // ids of the others, for admins
	// Stateless are ids of those expected who look at no revocation.
	Stateless []string `json:"stateless,omitempty"`
}

// Committed reports whether log and store both have it.
func (r Receipt) Committed() bool { return r.Status == "committed" }

// A DryRun says what a revocation would do.
type DryRun struct {
	DryRun   bool   `json:"dry_run"`
	Scope    string `json:"scope"`
	ID       string `json:"id"`
	Mode     string `json:"mode"`
	Sessions int    `json:"sessions"`
}

// Revoke ends what r says.
func (c *Client) Revoke(ctx context.Context, r Revocation, w Wait) (out Receipt, err error) {
	r.DryRun = false
	_, err = c.do(ctx, call{
		method: http.MethodPost, url: c.admin("/admin/v1/revocations"), bearer: c.Bearer,
		query: w.query(), body: r, into: &out, patience: w.patience(),
	})
	return out, err
}

// WouldRevoke changes nothing, and says how many sessions Revoke would end.
func (c *Client) WouldRevoke(ctx context.Context, r Revocation) (out DryRun, err error) {
	r.DryRun = true
	_, err = c.do(ctx, call{
		method: http.MethodPost, url: c.admin("/admin/v1/revocations"), bearer: c.Bearer,
		body: r, into: &out, patience: dryRunPatience,
	})
	return out, err
}
