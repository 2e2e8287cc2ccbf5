package issuer

import (
	"cmp"
	"errors"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/fleet"
	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/session"
)

// scopeDevice is the admin's only. A device is resolved to its sessions, and
// never stands in the log.
const scopeDevice events.Scope = "device"

const (
	modeEnd   = "end"
	maxReason = 512 // bytes
)

type revokeRequest struct {
	Scope  events.Scope `json:"scope"`
	ID     string       `json:"id"`
	Tenant string       `json:"tenant"` // of a user or a device
	User   string       `json:"user"`   // of a device
	Issuer string       `json:"issuer"` // of the tokens; empty: we
	Mode   string       `json:"mode"`   // end or refresh
	Reason string       `json:"reason"`
	DryRun bool         `json:"dry_run"`
}

// normal checks a request and fills in what may be left out.
func (r revokeRequest) normal() (revokeRequest, error) {
	r.Mode = cmp.Or(r.Mode, modeEnd)
	if r.Scope == events.ScopeAll {
		r.ID = cmp.Or(r.ID, events.Everybody)
	}
	switch {
	case r.Scope != scopeDevice && !r.Scope.Valid():
		return r, front.BadRequest("scope must be token, session, device, user, tenant, all or key")
	case r.ID == "" || len(r.ID) > events.MaxSubject:
		return r, front.BadRequest("id is required, of at most 512 bytes")
	case r.Scope == events.ScopeAll && r.ID != events.Everybody:
		return r, front.BadRequest("scope all takes no id but all")
	case (r.Scope == scopeDevice) != (r.User != "") || len(r.User) > events.MaxSubject:
		return r, front.BadRequest("user is required for a device, of at most 512 bytes, and goes with no other scope")
	case r.Mode != modeEnd && (r.Mode != string(events.ModeRefresh) || !r.Scope.Cutoff()):
		return r, front.BadRequest("mode must be end or, for a user, a tenant or all, refresh")
	case len(r.Reason) > maxReason:
		return r, front.BadRequest("reason is too long, at most 512 bytes")
	}
	return r.withTenant()
}

// withTenant refuses a tenant that a scope would not keep to: who names one
// with scope all wants less than all. The ids of tokens and sessions are unique
// without.
func (r revokeRequest) withTenant() (revokeRequest, error) {
	switch r.Scope {
	case events.ScopeAll, events.ScopeKey:
		if r.Tenant != "" {
			return r, front.BadRequest("scopes all and key concern every tenant: leave tenant out")
		}
	case events.ScopeTenant:
		if r.Tenant != "" && r.Tenant != r.ID {
			return r, front.BadRequest("scope tenant names its tenant by id: leave tenant out")
		}
	}
	r.Tenant = cmp.Or(r.Tenant, session.DefaultTenant)
	if len(r.Tenant) > events.MaxSubject {
		return r, front.BadRequest("tenant has at most 512 bytes")
	}
	return r, nil
}

func (r revokeRequest) revocation(actor string) events.Revocation {
	out := events.Revocation{Scope: r.Scope, Subject: r.ID, Reason: r.Reason, Actor: actor}
	if r.Scope == events.ScopeUser {
		out.Tenant = r.Tenant
	}
	if r.Mode == string(events.ModeRefresh) {
		out.Mode = events.ModeRefresh
	}
	return out
}

// revoke is the admin's: it ends one of anything, or asks for new tokens.
func (i *Issuer) revoke(c *fiber.Ctx) error {
	if _, err := onlyQuery(c, "wait", "timeout"); err != nil {
		return err
	}
	w, err := i.waitOf(c, fleet.MaxWaits)
	if err != nil {
		return err
	}
	req, err := front.DecodeJSON[revokeRequest](c)
	if err != nil {
		return err
	}
	foreign, err := i.foreign(c, &req)
	if err != nil {
		return err
	}
	if req, err = req.normal(); err != nil {
		return err
	}
	whose, err := i.concerns(c, req)
	if err != nil {
		return err
	}
	switch {
	case req.DryRun:
		return i.dryRun(c, req)
	case req.Scope == scopeDevice:
		return i.revokeDevice(c, w, req)
	}
	receipt, err := i.revoker.Commit(c.UserContext(), i.of(foreign, req.revocation(i.admin(c).Name)))
	if err != nil {
		return problem(err)
	}
	i.recordRevocation(c, req, whose, receipt.RevocationID)
	return sendReceipt(c, w, receipt)
}

// concerns is whom a revocation is about, as far as that is known: for what has
// ended, and for a token, whose id does not tell, nobody. An admin of one
// tenant must show that it is the tenant's: what cannot be shown is forbidden,
// and so is what does not exist, which tells nothing.
func (i *Issuer) concerns(c *fiber.Ctx, req revokeRequest) (of session.Session, err error) {
	switch req.Scope {
	case events.ScopeUser:
		of.Tenant, of.UserID = req.Tenant, req.ID
	case scopeDevice:
		of.Tenant, of.UserID = req.Tenant, req.User
	case events.ScopeTenant:
		of.Tenant = req.ID
	case events.ScopeSession:
		if req.Issuer != "" { // its sessions are not ours
			break
		}
		of, err = i.sessions.Get(c.UserContext(), req.ID)
		if err != nil && !errors.Is(err, session.ErrNotFound) && !i.admin(c).Everywhere() {
			return of, problem(err)
		}
		of.ID = req.ID
	}
	return of, i.within(c, of.Tenant)
}

// recordRevocation puts a revocation into the trail, with whom it is about.
func (i *Issuer) recordRevocation(c *fiber.Ctx, req revokeRequest, of session.Session, id string) {
	e := session.Event{
		Action: "revoke", Scope: string(req.Scope), Subject: req.ID, Tenant: of.Tenant, UserID: of.UserID, SessionID: of.ID,
		Device: of.Device, Reason: req.Reason, RevocationID: id, Issuer: req.Issuer,
	}
	if req.Mode == string(events.ModeRefresh) {
		e.Action = "revoke.refresh"
	}
	i.recordAct(c, e)
}
