package edge

import (
	"time"

	"github.com/gofiber/fiber/v2"
)

type whoamiResponse struct {
	Issuer    string    `json:"issuer"`
	UserID    string    `json:"user_id"`
	SessionID string    `json:"session_id"`
	Tenant    string    `json:"tenant"`
	Roles     []string  `json:"roles"`
	TokenID   string    `json:"jti"`
	ExpiresAt time.Time `json:"expires_at"`
	Edge      string    `json:"edge"`
}

func (e *Edge) whoami(c *fiber.Ctx) error {
	a, err := e.check(c)
	if err != nil {
		return err
	}
	id := a.id
	roles := id.Roles
	if roles == nil {
		roles = []string{}
	}
	return c.JSON(whoamiResponse{
		Issuer: id.Issuer, UserID: id.UserID, SessionID: id.SessionID, Tenant: id.Tenant, Roles: roles,
		TokenID: id.TokenID, ExpiresAt: id.ExpiresAt.UTC(), Edge: e.config.EdgeID,
	})
}

type statusResponse struct {
	ID         string `json:"id"`
	State      string `json:"state"`
	Epoch      string `json:"epoch"`
	AppliedSeq uint64 `json:"applied_seq"`
	// FreshAgeMS is -1 while the edge has never been fresh.
	FreshAgeMS int64 `json:"fresh_age_ms"`
	// StalenessMS is the bound B that it goes by.
	StalenessMS int64 `json:"staleness_ms"`
	// Doubt: it cannot read all of the log, and lets nobody through.
	Doubt      bool   `json:"doubt"`
	Entries    int    `json:"entries"`
	Overflowed uint64 `json:"overflowed"`
	Store      string `json:"store"`
}

func (e *Edge) statusz(c *fiber.Ctx) error {
	s := e.guard.Status()
	age := int64(-1)
	if s.FreshAge >= 0 {
		age = s.FreshAge.Milliseconds()
	}
	return c.JSON(statusResponse{
		ID: s.ID, State: s.State, Epoch: s.Epoch, AppliedSeq: s.AppliedSeq, FreshAgeMS: age,
		StalenessMS: s.Staleness.Milliseconds(), Doubt: s.Doubt, Entries: s.Entries, Overflowed: s.Overflowed, Store: s.Store,
	})
}
