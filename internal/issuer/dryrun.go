package issuer

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/session"
)

type dryRunResponse struct {
	DryRun   bool         `json:"dry_run"`
	Scope    events.Scope `json:"scope"`
	ID       string       `json:"id"`
	Mode     string       `json:"mode"`
	Sessions int          `json:"sessions"`
}

// dryRun answers how many live sessions a revocation would end, or with mode
// refresh have renewed, and changes nothing. A token or a key ends none.
func (i *Issuer) dryRun(c *fiber.Ctx, req revokeRequest) error {
	n, err := i.concerned(c.UserContext(), req)
	if err != nil {
		return problem(err)
	}
	return c.JSON(dryRunResponse{DryRun: true, Scope: req.Scope, ID: req.ID, Mode: req.Mode, Sessions: n})
}

// concerned counts the live sessions that a revocation is about. Those of a
// tenant or of all are counted while others come and go. Errors: ErrNotFound
// for a session or user that does not exist, ErrUnavailable.
func (i *Issuer) concerned(ctx context.Context, req revokeRequest) (int, error) {
	switch req.Scope {
	case events.ScopeSession:
		_, err := i.sessions.Get(ctx, req.ID)
		return 1, err
	case events.ScopeUser:
		return i.ofUser(ctx, req.Tenant, req.ID, "")
	case scopeDevice:
		return i.ofUser(ctx, req.Tenant, req.User, req.ID)
	case events.ScopeTenant:
		return i.store.Count(ctx, i.config.IssuerURL, req.ID)
	case events.ScopeAll:
		return i.store.Count(ctx, i.config.IssuerURL, "")
	}
	return 0, nil
}

// ofUser counts a user's sessions, or those on a device. A user who has none,
// and whom the users file does not have either, is not found.
func (i *Issuer) ofUser(ctx context.Context, tenant, userID, device string) (int, error) {
	all, on := 0, 0
	err := i.store.Each(ctx, i.config.IssuerURL, tenant, userID, func(page []session.Session) {
		for _, s := range page {
			all++
			if device == "" || s.Device.ID == device {
				on++
			}
		}
	})
	if err == nil && all == 0 && (i.users == nil || !i.users.KnowsID(tenant, userID)) {
		err = session.ErrNotFound
	}
	return on, err
}
