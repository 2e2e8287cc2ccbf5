package issuer

import (
	"cmp"
	"net/netip"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/session"
)

type unlockRequest struct {
	Username string `json:"username"`
	Tenant   string `json:"tenant"`
	IP       string `json:"ip"`
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
