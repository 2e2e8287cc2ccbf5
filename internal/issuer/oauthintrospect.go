package issuer

import (
	"context"
	"errors"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/token"
)

// An introspection is RFC 7662 section 2.2. Its zero value says of a token
// that it is not active, and nothing else.
type introspection struct {
	Active    bool     `json:"active"`
	TokenType string   `json:"token_type,omitempty"` // Bearer, or refresh_token
	Issuer    string   `json:"iss,omitempty"`
	Subject   string   `json:"sub,omitempty"`
	Audience  []string `json:"aud,omitempty"`
	ClientID  string   `json:"client_id,omitempty"`
	Scope     string   `json:"scope,omitempty"`
	ExpiresAt int64    `json:"exp,omitempty"`
	IssuedAt  int64    `json:"iat,omitempty"`
	ID        string   `json:"jti,omitempty"`
	SessionID string   `json:"sid,omitempty"`
	Tenant    string   `json:"tid,omitempty"`
	Roles     []string `json:"roles,omitempty"`
}

// oauthIntrospect tells an admin what a token is good for at this moment: the
// store is asked, as an edge does in the mode strict. A token of a tenant that
// is not the admin's is as inactive as one that does not exist.
func (i *Issuer) oauthIntrospect(c *fiber.Ctx) error {
	f, err := readForm(c)
	if err != nil {
		return err
	}
	raw, err := f.required("token")
	if err != nil {
		return err
	}
	inspect := i.inspectAccess
	if session.IsRefreshToken(raw) {
		inspect = i.inspectRefresh
	}
	answer, err := inspect(c.UserContext(), i.admin(c), raw)
	if err != nil {
		return err
	}
	return sendUncached(c, answer)
}

func (i *Issuer) inspectAccess(ctx context.Context, by identity, raw string) (introspection, error) {
	claims, err := i.verifier.Verify(ctx, raw)
	if err != nil || !by.MayTenant(claims.Tenant) {
		return introspection{}, nil
	}
	live, err := i.live(ctx, claims)
	if err != nil || !live {
		return introspection{}, err
	}
	return introspection{
		Active: true, TokenType: "Bearer", Issuer: claims.Issuer, Subject: claims.Subject, Audience: claims.Audience,
		ClientID: claims.ClientID, Scope: claims.Scope, ExpiresAt: claims.ExpiresAt.Unix(), IssuedAt: claims.IssuedAt.Unix(),
		ID: claims.ID, SessionID: claims.SessionID, Tenant: claims.Tenant, Roles: claims.Roles,
	}, nil
}

// live reports whether a token is not revoked and its session exists. The
// error is session.ErrUnavailable when the store cannot tell.
func (i *Issuer) live(ctx context.Context, claims token.Claims) (bool, error) {
	verdict, err := i.lookup.Live(ctx, redisstore.Ask(events.Token{
		Issuer: claims.Issuer, ID: claims.ID, Session: claims.SessionID, KeyID: claims.KeyID,
		Tenant: claims.Tenant, User: claims.Subject, Stamp: claims.IssuedAtMillis,
	}), claims.Issuer, claims.SessionID, i.config.Staleness)
	switch {
	case verdict.Revoked || verdict.Outdated:
		return false, nil
	case err != nil:
		return false, err
	case !verdict.Vouched:
		return false, session.ErrUnavailable
	}
	return verdict.Live, nil
}

func (i *Issuer) inspectRefresh(ctx context.Context, by identity, raw string) (introspection, error) {
	of, end, err := i.sessions.Inspect(ctx, raw)
	switch {
	case errors.Is(err, session.ErrRefreshInvalid), errors.Is(err, session.ErrRefreshReused), errors.Is(err, session.ErrEnded):
		return introspection{}, nil
	case err != nil:
		return introspection{}, err
	case !by.MayTenant(of.Tenant):
		return introspection{}, nil
	}
	return introspection{
		Active: true, TokenType: "refresh_token", Issuer: of.Issuer, Subject: of.UserID, ClientID: session.ClientID,
		Scope: of.Scope, ExpiresAt: end.Unix(), SessionID: of.ID, Tenant: of.Tenant, Roles: of.Roles,
	}, nil
}
