//go:build unix

package chaos

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/curfew-auth/curfew/chaos/history"
)

const (
	// maxInFlight bounds the calls that wait at one edge, and its connections.
	maxInFlight = 32
	patience    = 5 * time.Second // of a client
)

// An answer is a response, or none: then status is 0.
type answer struct {
	history.Span
	status int
	body   []byte
}

// ask sends one request and notes when. The bearer may be empty.
func (w *workload) ask(ctx context.Context, n *node, method, path, bearer string, body any) (a answer) {
	data, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	req, err := http.NewRequestWithContext(ctx, method, n.url+path, nil)
	if err != nil {
		panic(err)
	}
	if body != nil {
		req.Body = io.NopCloser(bytes.NewReader(data))
		req.ContentLength = int64(len(data))
		req.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	a.Start = w.cluster.rec.Now()
	defer func() { a.End = w.cluster.rec.Now() }()
	resp, err := n.client.Do(req)
	if err != nil {
		return a
	}
	defer resp.Body.Close()
	if a.body, err = io.ReadAll(resp.Body); err == nil {
		a.status = resp.StatusCode
	}
	return a
}

// code is the code of a problem document.
func (a answer) code() string {
	var p struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(a.body, &p) // another body has no code
	return p.Code
}

// grant reads the answer of a login or refresh.
func (a answer) grant() (t *token, refresh string, ok bool) {
	var g struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		SID     string `json:"session_id"`
	}
	if a.status != http.StatusOK || json.Unmarshal(a.body, &g) != nil {
		return nil, "", false
	}
	return &token{raw: g.Access, jti: jtiOf(g.Access), sid: g.SID, issued: time.Now()}, g.Refresh, true
}

// confirmed reports whether the answer is that all edges, or none that could
// accept anything, are without a revocation.
func (a answer) confirmed(edges int) bool {
	var receipt struct {
		Enforced bool `json:"enforced"`
		Edges    struct {
			Confirmed int `json:"confirmed"`
		} `json:"edges"`
	}
	return json.Unmarshal(a.body, &receipt) == nil && (receipt.Enforced || receipt.Edges.Confirmed == edges)
}

// jtiOf reads a token without verifying it; it is our own.
func jtiOf(raw string) string {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return ""
	}
	var claims struct {
		JTI string `json:"jti"`
	}
	if data, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
		_ = json.Unmarshal(data, &claims) // an empty jti is reported by the checker
	}
	return claims.JTI
}

func callOutcome(a answer) history.CallOutcome {
	switch a.status {
	case http.StatusOK:
		return history.Accepted
	case http.StatusUnauthorized:
		if a.code() == "token_revoked" {
			return history.Refused
		}
		return history.Denied
	case http.StatusForbidden:
		return history.Denied
	case http.StatusServiceUnavailable:
		return history.Unknown
	}
	return history.Other
}

func revokeOutcome(a answer) history.RevokeOutcome {
	switch a.status {
	case http.StatusOK:
		return history.Committed
	case http.StatusAccepted:
		return history.Pending
	case 0:
		return history.Lost
	}
	return history.Failed
}
