package issuer

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/session"
)

type loginRequest struct {
	Username string         `json:"username"`
	Password string         `json:"password"`
	Tenant   string         `json:"tenant"`
	Device   session.Device `json:"device"`
}

type refreshRequest struct {
	RefreshToken string `json:"refresh_token"`
}

type grantResponse struct {
	TokenType        string `json:"token_type"`
	AccessToken      string `json:"access_token"`
	ExpiresIn        int64  `json:"expires_in"` // seconds
	RefreshToken     string `json:"refresh_token"`
	RefreshExpiresIn int64  `json:"refresh_expires_in"` // seconds
	SessionID        string `json:"session_id"`
	UserID           string `json:"user_id"`
}

func sendGrant(c *fiber.Ctx, g session.Grant) error {
	return c.JSON(grantResponse{
		TokenType: "Bearer", AccessToken: g.AccessToken, ExpiresIn: int64(g.ExpiresIn / time.Second),
		RefreshToken: g.RefreshToken, RefreshExpiresIn: int64(g.RefreshExpiresIn / time.Second),
		SessionID: g.SessionID, UserID: g.UserID,
	})
}

func (i *Issuer) login(c *fiber.Ctx) error {
	req, err := front.DecodeJSON[loginRequest](c)
	if err != nil {
		return err
	}
	if req.Username == "" || req.Password == "" {
		return front.BadRequest("username and password are required")
	}
	grant, err := i.sessions.Login(c.UserContext(), session.Credentials{
		Username: req.Username, Password: req.Password, Tenant: req.Tenant, Device: req.Device,
		IP: i.proxies.ClientIP(c), UserAgent: string(c.Request().Header.UserAgent()),
	})
	if err != nil {
		return problem(err)
	}
	return sendGrant(c, grant)
}

func (i *Issuer) refresh(c *fiber.Ctx) error {
	raw, err := refreshToken(c)
	if err != nil {
		return err
	}
	if raw == "" {
		return front.BadRequest("refresh_token is required")
	}
	grant, err := i.sessions.Refresh(c.UserContext(), raw, i.proxies.ClientIP(c))
	if err != nil {
		return problem(err)
	}
	return sendGrant(c, grant)
}

// refreshToken returns the refresh token of the body or else of the cookie, or
// nothing.
func refreshToken(c *fiber.Ctx) (string, error) {
	if len(c.Body()) == 0 {
		return string([]byte(c.Cookies(front.RefreshCookie))), nil
	}
	req, err := front.DecodeJSON[refreshRequest](c)
	return req.RefreshToken, err
}

// logout ends the session of the access token or of the refresh token.
func (i *Issuer) logout(c *fiber.Ctx) error {
	if err := waitMode(c); err != nil {
		return err
	}
	raw, err := refreshToken(c)
	if err != nil {
		return err
	}
	if bearer, err := front.Bearer(c); err == nil && raw == "" && session.IsRefreshToken(bearer) {
		raw = bearer
	}
	var receipt session.Receipt
	if raw != "" {
		receipt, err = i.sessions.LogoutRefresh(c.UserContext(), raw)
	} else {
		claims, bad := i.bearer(c)
		if bad != nil {
			return bad
		}
		receipt, err = i.sessions.Logout(c.UserContext(), claims.SessionID, claims.Subject)
	}
	if err != nil {
		return problem(err)
	}
	return sendReceipt(c, receipt)
}
