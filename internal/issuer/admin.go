package issuer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/token"
)

// An identity is who makes an admin call.
type identity struct {
	// Name goes into the trail and the revocation: admin for the admin
	// token, a name of the setting admins, or user:<tenant>/<user id>.
	Name   string
	roles  []string
	tenant string        // empty: every tenant
	claims *token.Claims // of a user's access token; nil: a token of the configuration
}

// Can reports whether the admin has the role, one of config.Role….
func (a identity) Can(role string) bool {
	return slices.Contains(a.roles, config.RoleAll) || slices.Contains(a.roles, role)
}

// MayTenant reports whether the admin may act on what belongs to the tenant.
func (a identity) MayTenant(tenant string) bool { return a.tenant == "" || a.tenant == tenant }

// Everywhere reports whether the admin may act on what belongs to no single
// tenant: the fleet, the keys, everybody.
func (a identity) Everywhere() bool { return a.tenant == "" }

// A credential is a known token, by its hash, and whose it is.
type credential struct {
	hash [sha256.Size]byte
	who  identity
}

// credentials lists the tokens of the configuration, which has been checked.
func credentials(cfg config.Issuer) []credential {
	out := []credential{{sha256.Sum256([]byte(cfg.AdminToken)), identity{Name: config.AdminName, roles: []string{config.RoleAll}}}}
	for _, a := range cfg.Admins {
		c := credential{who: identity{Name: a.Name, roles: a.Roles, tenant: a.Tenant}}
		if n, err := hex.Decode(c.hash[:], []byte(a.TokenSHA256)); err == nil && n == len(c.hash) {
			out = append(out, c)
		}
	}
	return out
}

// known looks a token up. Hashes are compared, and all of them, so that
// neither content nor length shows in the time it takes.
func (i *Issuer) known(raw string) (who identity, found bool) {
	given := sha256.Sum256([]byte(raw))
	for _, c := range i.admins {
		if subtle.ConstantTimeCompare(given[:], c.hash[:]) == 1 {
			who, found = c.who, true
		}
	}
	return who, found
}

type identityKey struct{}

// admin returns who makes the call. It must have passed adminOnly.
func (i *Issuer) admin(c *fiber.Ctx) identity {
	who, _ := c.Locals(identityKey{}).(identity)
	return who
}

// adminOnly lets through who presents the token of an admin, or an access
// token of a user with the admin role. Cookies do not count: a browser sends
// them without being asked.
func (i *Issuer) adminOnly(c *fiber.Ctx) error {
	raw, err := front.HeaderBearer(c)
	if err != nil {
		return front.Unauthorized().Because(err)
	}
	who, found := i.known(raw)
	if !found {
		if who, err = i.adminUser(c.UserContext(), raw); err != nil {
			return err
		}
	}
	c.Locals(identityKey{}, who)
	return c.Next()
}

// adminUser is the user of a live access token with the admin role, who is
// admin of their own tenant and no other.
func (i *Issuer) adminUser(ctx context.Context, raw string) (identity, error) {
	if i.config.AdminRole == "" {
		return identity{}, front.Unauthorized()
	}
	claims, err := i.verifier.Verify(ctx, raw)
	if err != nil {
		return identity{}, front.Unauthorized().Because(err)
	}
	if err := i.alive(ctx, claims); err != nil {
		return identity{}, err
	}
	if !slices.Contains(claims.Roles, i.config.AdminRole) {
		return identity{}, front.Forbidden()
	}
	return userIdentity(claims), nil
}

func userIdentity(claims token.Claims) identity {
	return identity{
		Name:  "user:" + claims.Tenant + "/" + claims.Subject,
		roles: []string{config.RoleRead, config.RoleRevoke, config.RoleSessions}, tenant: claims.Tenant, claims: &claims,
	}
}

// may lets through admins with a role.
func (i *Issuer) may(role string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if !i.admin(c).Can(role) {
			i.recordAct(c, session.Event{Action: "refused", Reason: "the role " + role + " is missing"})
			return front.Forbidden()
		}
		return c.Next()
	}
}

// everywhere lets through admins who are not bound to a tenant.
func (i *Issuer) everywhere(c *fiber.Ctx) error {
	if !i.admin(c).Everywhere() {
		i.recordAct(c, session.Event{Action: "refused", Reason: "outside the tenant"})
		return front.Forbidden()
	}
	return c.Next()
}

// within returns the problem forbidden unless the admin may act on the tenant.
func (i *Issuer) within(c *fiber.Ctx, tenant string) error {
	if i.admin(c).MayTenant(tenant) {
		return nil
	}
	i.recordAct(c, session.Event{Tenant: tenant, Action: "refused", Reason: "outside the tenant"})
	return front.Forbidden()
}

// recordAct puts an admin act into the trail, with who and where from. The
// caller gives the action and what it was about, in its own copies. What a
// tenant's admin did is the tenant's, where nothing else is known of it.
func (i *Issuer) recordAct(c *fiber.Ctx, e session.Event) {
	e.Kind, e.At, e.Actor = session.EventAdmin, time.Now(), i.admin(c).Name
	e.Tenant = cmp.Or(e.Tenant, i.admin(c).tenant)
	e.IP, e.UserAgent, e.RequestID = i.proxies.ClientIP(c), string(c.Request().Header.UserAgent()), front.RequestID(c)
	i.trail.Record(e.Clipped())
}
