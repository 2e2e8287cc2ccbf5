package apiclient

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// A Device is what a session runs on.
type Device struct {
	ID   string `json:"id,omitempty"`
	Kind string `json:"kind,omitempty"`
	Name string `json:"name,omitempty"`
}

// A Login is a user's name and password.
type Login struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Tenant   string `json:"tenant,omitempty"`
	Device   Device `json:"device"`
}

// A Grant is the tokens of a session.
type Grant struct {
	AccessToken      string `json:"access_token"`
	ExpiresIn        int64  `json:"expires_in"` // seconds
	RefreshToken     string `json:"refresh_token"`
	RefreshExpiresIn int64  `json:"refresh_expires_in"` // seconds
	SessionID        string `json:"session_id"`
	UserID           string `json:"user_id"`
}

// A Session is one sign-in of one user.
type Session struct {
	SessionID string    `json:"session_id"`
	UserID    string    `json:"user_id"`
	Tenant    string    `json:"tenant"`
	Device    Device    `json:"device"`
	IP        string    `json:"ip,omitempty"`
	UserAgent string    `json:"user_agent,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	LastSeen  time.Time `json:"last_seen"`
	ExpiresAt time.Time `json:"expires_at"`
	Current   bool      `json:"current"`
}

type sessionList struct {
	Sessions []Session `json:"sessions"`
}

// Login opens a session.
func (c *Client) Login(ctx context.Context, who Login) (g Grant, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, url: c.Issuer + "/v1/login", body: who, into: &g})
	return g, err
}

// Refresh exchanges a refresh token. The device is the one that the session
// was opened on.
func (c *Client) Refresh(ctx context.Context, refreshToken, deviceID string) (g Grant, err error) {
	body := map[string]string{"refresh_token": refreshToken, "device_id": deviceID}
	_, err = c.do(ctx, call{method: http.MethodPost, url: c.Issuer + "/v1/refresh", body: body, into: &g})
	return g, err
}

// Logout ends the session of a refresh token everywhere.
func (c *Client) Logout(ctx context.Context, refreshToken string, w Wait) (r Receipt, err error) {
	body := map[string]string{"refresh_token": refreshToken}
	_, err = c.do(ctx, call{
		method: http.MethodPost, url: c.Issuer + "/v1/logout", query: w.query(), body: body, into: &r, patience: w.patience(),
	})
	return r, err
}

// MySessions lists the sessions of the user of an access token.
func (c *Client) MySessions(ctx context.Context, accessToken string) ([]Session, error) {
	var out sessionList
	_, err := c.do(ctx, call{method: http.MethodGet, url: c.Issuer + "/v1/sessions", bearer: accessToken, into: &out})
	return out.Sessions, err
}

// UserSessions lists the sessions of anybody, for an admin. An empty tenant is
// the default one.
func (c *Client) UserSessions(ctx context.Context, tenant, userID string) ([]Session, error) {
	var out sessionList
	what := call{
		method: http.MethodGet, url: c.admin("/admin/v1/users/" + url.PathEscape(userID) + "/sessions"),
		bearer: c.Bearer, into: &out,
	}
	if tenant != "" {
		what.query = url.Values{"tenant": {tenant}}
	}
	_, err := c.do(ctx, what)
	return out.Sessions, err
}
