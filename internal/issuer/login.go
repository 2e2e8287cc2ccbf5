package issuer

import (
	"errors"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/token"
)

type loginRequest struct {
	Username string         `json:"username"`
	Password string         `json:"password"`
	Tenant   string         `json:"tenant"`
	Device   session.Device `json:"device"`
	Cookies  bool           `json:"cookies"`
}

func (i *Issuer) login(c *fiber.Ctx) error {
	req, err := front.DecodeJSON[loginRequest](c)
	if err != nil {
		return err
	}
	if req.Username == "" || req.Password == "" {
		return front.BadRequest("username and password are required")
	}
	if err := i.mayKeepCookies(c, req.Cookies); err != nil {
		return err
	}
	grant, err := i.sessions.Login(c.UserContext(), session.Credentials{
		Username: req.Username, Password: req.Password, Tenant: req.Tenant, Device: req.Device,
		IP: i.proxies.ClientIP(c), UserAgent: string(c.Request().Header.UserAgent()),
	})
	if err != nil {
		return problem(err)
	}
	return sendGrant(c, grant, req.Cookies)
}

func (i *Issuer) refresh(c *fiber.Ctx) error {
	p, err := i.presented(c)
	if err != nil {
		return err
	}
	if p.token == "" {
		return front.BadRequest("refresh_token is required")
	}
	grant, err := i.sessions.Refresh(c.UserContext(), p.token, session.Caller{IP: i.proxies.ClientIP(c), DeviceID: p.device})
	if err != nil {
		return p.refused(c, problem(err))
	}
	return sendGrant(c, grant, p.cookies)
}

// logout ends the session of the access token or of the refresh token.
func (i *Issuer) logout(c *fiber.Ctx) error {
	w, err := i.waitOf(c, usersWaits)
	if err != nil {
		return err
	}
	p, err := i.presented(c)
	if err != nil {
		return err
	}
	receipt, err := i.end(c, p)
	if err != nil {
		return p.refused(c, problem(err))
	}
	if p.stored {
		front.ClearPair(c)
	}
	return sendReceipt(c, w, receipt)
}

func (i *Issuer) end(c *fiber.Ctx, p presented) (session.Receipt, error) {
	raw := p.token
	if bearer, err := front.Bearer(c); err == nil && raw == "" && session.IsRefreshToken(bearer) {
		raw = bearer
	}
	if raw != "" {
		return i.endByRefresh(c, raw)
	}
	claims, err := i.toEnd(c)
	if err != nil {
		return session.Receipt{}, err
	}
	return i.endByAccess(c, claims)
}

// endByRefresh goes by the access token beside, as a browser sends both, while
// the store cannot tell whether the refresh token is good: a logout needs the
// store or the log, not both.
func (i *Issuer) endByRefresh(c *fiber.Ctx, raw string) (session.Receipt, error) {
	receipt, err := i.sessions.LogoutRefresh(c.UserContext(), raw)
	if !errors.Is(err, session.ErrUnavailable) {
		return receipt, err
	}
	claims, bad := i.toEnd(c)
	if id, malformed := session.SessionOf(raw); bad != nil || malformed != nil || claims.SessionID != id {
		return receipt, err
	}
	return i.endByAccess(c, claims)
}

// toEnd is bearer for a session that is to end: as long as an edge may accept the
// access token, whoever holds it may sign out with it, though it has expired here
// or is not valid yet.
func (i *Issuer) toEnd(c *fiber.Ctx) (token.Claims, error) {
	raw, err := front.Bearer(c)
	if err != nil {
		return token.Claims{}, front.Unauthorized().Because(err)
	}
	claims, err := i.verifier.Authentic(c.UserContext(), raw)
	if err == nil && token.Spent(claims.ExpiresAt, i.now()) {
		err = token.ErrExpired
	}
	if err != nil {
		return token.Claims{}, front.Unauthorized().Because(err)
	}
	return claims, nil
}

func (i *Issuer) endByAccess(c *fiber.Ctx, claims token.Claims) (session.Receipt, error) {
	return i.sessions.Logout(c.UserContext(), session.Session{
		ID: claims.SessionID, Tenant: claims.Tenant, UserID: claims.Subject, Device: session.Device{ID: claims.Device},
	})
}
