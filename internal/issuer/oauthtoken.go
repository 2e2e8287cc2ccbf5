package issuer

import (
	"cmp"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/session"
)

// refreshGrant is the one grant there is: sessions begin elsewhere.
const refreshGrant = "refresh_token"

// A tokenResponse is RFC 6749 section 5.1.
type tokenResponse struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token"`
	Scope        string `json:"scope,omitempty"`
}

// oauthToken exchanges a refresh token (RFC 6749 section 6). Clients are
// public: none authenticates, but one that names itself must be ours.
func (i *Issuer) oauthToken(c *fiber.Ctx) error {
	f, err := readForm(c)
	if err != nil {
		return err
	}
	grantType, err := f.required("grant_type")
	switch {
	case err != nil:
		return err
	case grantType != refreshGrant:
		return &oauthError{unsupportedGrantType, "grant_type must be refresh_token"}
	case cmp.Or(f["client_id"], session.ClientID) != session.ClientID:
		return &oauthError{invalidClient, "client_id must be " + session.ClientID + ", or left out"}
	}
	raw, err := f.required("refresh_token")
	if err != nil {
		return err
	}
	grant, err := i.sessions.Refresh(c.UserContext(), raw, session.Caller{
		IP: i.proxies.ClientIP(c), DeviceID: cmp.Or(f["device_id"], string([]byte(c.Get(deviceHeader)))), Scope: f["scope"],
	})
	if err != nil {
		return err
	}
	return sendUncached(c, tokenResponse{
		AccessToken: grant.AccessToken, TokenType: "Bearer", ExpiresIn: int64(grant.ExpiresIn / time.Second),
		RefreshToken: grant.RefreshToken, Scope: grant.Scope,
	})
}
