package issuer

import (
	"context"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/session"
)

// deviceResponse is a receipt for all the sessions of a device together.
type deviceResponse struct {
	receiptResponse
	Receipts []receiptResponse `json:"receipts"` // one per session
}

// revokeDevice ends a user's sessions on a device. A device without any is
// logged out already, perhaps by a call that is pending.
func (i *Issuer) revokeDevice(c *fiber.Ctx, w wait, req revokeRequest) error {
	id := uuid.NewString()
	receipts, err := i.endDevice(c.UserContext(), req, i.admin(c).Name)
	if err == nil || len(receipts) > 0 {
		i.recordRevocation(c, req, session.Session{Tenant: req.Tenant, UserID: req.User}, id)
	}
	if err != nil {
		return problem(err)
	}
	whole := session.Receipt{
		RevocationID: id, Scope: req.Scope, Subject: req.ID, Committed: true,
	}
	out := deviceResponse{Receipts: make([]receiptResponse, 0, len(receipts))}
	for _, r := range receipts {
		whole.Committed, whole.Seq = whole.Committed && r.Committed, max(whole.Seq, r.Seq)
		out.Receipts = append(out.Receipts, receiptOf(r))
	}
	before := i.flushed(c.UserContext())
	whole.Committed = whole.Committed && before.Committed
	out.receiptResponse = receiptOf(whole)
	out.waited, out.ElapsedMS = w.await(append(receipts, before)...)
	return c.Status(statusOf(whole)).JSON(out)
}

// endDevice ends the sessions one by one, and looks again until it finds no
// more: a list that others shorten may pass over some. On an error the receipts
// tell which have ended.
func (i *Issuer) endDevice(ctx context.Context, req revokeRequest, actor string) ([]session.Receipt, error) {
	var receipts []session.Receipt
	ended := map[string]bool{}
	for {
		found, err := i.onDevice(ctx, req, ended)
		if err != nil || len(found) == 0 {
			return receipts, err
		}
		for _, sid := range found {
			r, err := i.revoker.Revoke(ctx, events.ScopeSession, sid, req.Reason, actor)
			if err != nil {
				return receipts, err
			}
			receipts, ended[sid] = append(receipts, r), true
		}
	}
}

func (i *Issuer) onDevice(ctx context.Context, req revokeRequest, but map[string]bool) (sids []string, err error) {
	err = i.store.Each(ctx, i.config.IssuerURL, req.Tenant, req.User, func(page []session.Session) {
		for _, s := range page {
			if s.Device.ID == req.ID && !but[s.ID] {
				sids = append(sids, s.ID)
			}
		}
	})
	return sids, err
}
