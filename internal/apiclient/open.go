package apiclient

import (
	"context"
	"net/http"
)

// An Opening is a session for a user whom the caller has authenticated.
type Opening struct {
	UserID    string   `json:"user_id"`
	Tenant    string   `json:"tenant,omitempty"`
	Roles     []string `json:"roles,omitempty"`
	Scope     string   `json:"scope,omitempty"`
	Device    Device   `json:"device"`
	IP        string   `json:"ip,omitempty"`
	UserAgent string   `json:"user_agent,omitempty"`
}

// OpenSession opens a session, for an admin.
func (c *Client) OpenSession(ctx context.Context, o Opening) (g Grant, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, url: c.admin("/admin/v1/sessions"), bearer: c.Bearer, body: o, into: &g})
	return g, err
}
