package issuer

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/session"
)

type unlockRequest struct {
	Username string `json:"username"`
	Tenant   string `json:"tenant"`
	IP       string `json:"ip"`
}

type openRequest struct {
	UserID    string         `json:"user_id"`
	Tenant    string         `json:"tenant"`
	Roles     []string       `json:"roles"`
	Scope     string         `json:"scope"`
	Device    session.Device `json:"device"`
	IP        string         `json:"ip"`         // the user's, if the caller knows it
	UserAgent string         `json:"user_agent"` // the user's
}

// openSession opens a session for a user whom the caller has authenticated.
func (i *Issuer) openSession(c *fiber.Ctx) error {
	req, err := front.DecodeJSON[openRequest](c)
	if err != nil {
		return err
	}
	if _, ipErr := netip.ParseAddr(req.IP); req.IP != "" && ipErr != nil {
		return front.BadRequest("ip must be an IP address")
	}
	req.Tenant = cmp.Or(req.Tenant, session.DefaultTenant)
	if err := i.within(c, req.Tenant); err != nil {
		return err
	}
	if err := i.mayGrant(c, req.Roles); err != nil {
		return err
	}
	grant, err := i.sessions.Open(c.UserContext(),
		session.User{ID: req.UserID, Tenant: req.Tenant, Roles: req.Roles, Scope: req.Scope},
		session.Credentials{Device: req.Device, IP: req.IP, UserAgent: req.UserAgent})
	if err != nil {
		return problem(err)
	}
	i.recordAct(c, session.Event{
		Action: "session.create", Tenant: req.Tenant, UserID: req.UserID, SessionID: grant.SessionID, Device: req.Device,
	})
	return sendGrant(c, grant, false)
}

// mayGrant keeps an admin from opening a session whose user may do more.
func (i *Issuer) mayGrant(c *fiber.Ctx, roles []string) error {
	if i.config.AdminRole == "" || !slices.Contains(roles, i.config.AdminRole) {
		return nil
	}
	for _, needed := range [...]string{config.RoleRead, config.RoleRevoke, config.RoleSessions} {
		if !i.admin(c).Can(needed) {
			i.recordAct(c, session.Event{Action: "refused", Reason: "the role " + needed + " is missing"})
			return front.Forbidden()
		}
	}
	return nil
}

const maxName = 256 // bytes of a username, user id or tenant

// unlock is the admin's remedy against a lock that somebody else brought
// about: it forgets an account's failed logins, or those of an address.
func (i *Issuer) unlock(c *fiber.Ctx) error {
	req, err := front.DecodeJSON[unlockRequest](c)
	if err != nil {
		return err
	}
	_, ipErr := netip.ParseAddr(req.IP)
	switch {
	case req.Username == "" && req.IP == "":
		return front.BadRequest("username or ip is required")
	case len(req.Username) > maxName || len(req.Tenant) > maxName:
		return front.BadRequest("username and tenant have at most 256 bytes")
	case req.IP != "" && ipErr != nil:
		return front.BadRequest("ip must be an IP address")
	}
	if err := i.mayUnlock(c, req); err != nil {
		return err
	}
	if req.Username != "" {
		req.Tenant = cmp.Or(req.Tenant, session.DefaultTenant)
	}
	unlocked, err := i.sessions.Unlock(c.UserContext(), req.Tenant, req.Username, req.IP)
	if err != nil {
		return problem(err)
	}
	i.recordAct(c, session.Event{Action: "unlock", Tenant: req.Tenant, Username: req.Username, Subject: req.IP})
	return c.JSON(fiber.Map{"unlocked": unlocked})
}

// mayUnlock: addresses belong to no tenant.
func (i *Issuer) mayUnlock(c *fiber.Ctx, req unlockRequest) error {
	if req.IP != "" {
		return i.within(c, "")
	}
	return i.within(c, cmp.Or(req.Tenant, session.DefaultTenant))
}
