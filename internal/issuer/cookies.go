package issuer

import (
	"errors"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/session"
)

// A grantResponse holds no tokens when they go into cookies: scripts of the
// page, its own or injected ones, shall not see them.
type grantResponse struct {
	TokenType        string `json:"token_type"`
	AccessToken      string `json:"access_token,omitempty"`
	ExpiresIn        int64  `json:"expires_in"` // seconds
	RefreshToken     string `json:"refresh_token,omitempty"`
	RefreshExpiresIn int64  `json:"refresh_expires_in"` // seconds
	SessionID        string `json:"session_id"`
	UserID           string `json:"user_id"`
}

// sendGrant answers with the tokens, or with cookies that hold them.
func sendGrant(c *fiber.Ctx, g session.Grant, cookies bool) error {
	res := grantResponse{
		TokenType: "Bearer", AccessToken: g.AccessToken, ExpiresIn: int64(g.ExpiresIn / time.Second),
		RefreshToken: g.RefreshToken, RefreshExpiresIn: int64(g.RefreshExpiresIn / time.Second),
		SessionID: g.SessionID, UserID: g.UserID,
	}
	if cookies {
		pair := front.Pair{Access: g.AccessToken, Refresh: g.RefreshToken, Lifetime: g.RefreshExpiresIn}
		if err := front.SetPair(c, pair); err != nil {
			return err
		}
		res.AccessToken, res.RefreshToken = "", ""
	}
	return c.JSON(res)
}

// mayKeepCookies refuses to give cookies to a page of another origin, which
// could else sign a user in as somebody else (login CSRF).
func (i *Issuer) mayKeepCookies(c *fiber.Ctx, wanted bool) error {
	if !wanted {
		return nil
	}
	return i.origins.Check(c)
}

type refreshRequest struct {
	RefreshToken string `json:"refresh_token"`
	DeviceID     string `json:"device_id"`
	Cookies      bool   `json:"cookies"`
}

// deviceHeader carries the device's id where there is no body for it.
const deviceHeader = "X-Curfew-Device"

// A presented refresh token.
type presented struct {
	token   string // empty if there is none
	stored  bool   // it is the cookie's, if there is one, and so is any access token
	cookies bool   // the answer goes into cookies
	device  string // id of the device that presents it, empty if it does not say
	bound   bool   // sessions are bound to their devices
}

// presented returns the refresh token of the body or else of the cookie. What
// came from a cookie goes back into cookies.
func (i *Issuer) presented(c *fiber.Ctx) (p presented, err error) {
	var req refreshRequest
	if len(c.Request().Body()) > 0 {
		if req, err = front.DecodeJSON[refreshRequest](c); err != nil {
			return p, err
		}
	}
	p = presented{token: req.RefreshToken, cookies: req.Cookies, device: req.DeviceID, bound: i.config.BindDevice}
	if p.device == "" {
		p.device = string([]byte(c.Get(deviceHeader)))
	}
	if p.token == "" {
		if p.token, err = front.RefreshToken(c); err != nil {
			return p, err
		}
		p.stored = front.HasPair(c)
		p.cookies = p.cookies || p.stored
	}
	return p, i.mayKeepCookies(c, p.cookies)
}

// refused deletes cookies that are good for nothing any more. Whether they
// are, nobody knows where a device should have been named: the session may be
// bound to one, and live.
func (p presented) refused(c *fiber.Ctx, err error) error {
	bad, ok := errors.AsType[*front.Problem](err)
	if !ok || bad.Status != http.StatusUnauthorized || !p.stored {
		return err
	}
	if !p.bound || p.device != "" || bad.Code != front.RefreshInvalid().Code {
		front.ClearPair(c)
	}
	return err
}
