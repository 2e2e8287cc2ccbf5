package issuer

import (
	"net/http"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/session"
)

type sessionResponse struct {
	SessionID string         `json:"session_id"`
	UserID    string         `json:"user_id"`
	Tenant    string         `json:"tenant"`
	Device    session.Device `json:"device"`
	IP        string         `json:"ip,omitempty"`
	UserAgent string         `json:"user_agent,omitempty"`
	CreatedAt time.Time      `json:"created_at"`
	LastSeen  time.Time      `json:"last_seen"`
	ExpiresAt time.Time      `json:"expires_at"`
	Current   bool           `json:"current"`
}

func sendSessions(c *fiber.Ctx, list []session.Session, current string) error {
	out := make([]sessionResponse, 0, len(list))
	for _, s := range list {
		out = append(out, sessionResponse{
			SessionID: s.ID, UserID: s.UserID, Tenant: s.Tenant, Device: s.Device, IP: s.IP, UserAgent: s.UserAgent,
			CreatedAt: s.CreatedAt, LastSeen: s.LastSeen, ExpiresAt: s.ExpiresAt, Current: s.ID == current,
		})
	}
	return c.JSON(fiber.Map{"sessions": out})
}

type receiptResponse struct {
	RevocationID string       `json:"revocation_id"`
	Scope        events.Scope `json:"scope"`
	ID           string       `json:"id"`
	Status       string       `json:"status"` // committed or pending
	Seq          uint64       `json:"seq"`
	*waited
	ElapsedMS float64 `json:"elapsed_ms"`
}

func receiptOf(r session.Receipt) receiptResponse {
	status := "pending"
	if r.Committed {
		status = "committed"
	}
	return receiptResponse{
		RevocationID: r.RevocationID, Scope: r.Scope, ID: r.Subject, Status: status, Seq: r.Seq,
		ElapsedMS: millis(r.Elapsed),
	}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// statusOf is 200 when all are committed, else 202: what is pending will be.
func statusOf(receipts ...session.Receipt) int {
	for _, r := range receipts {
		if !r.Committed {
			return http.StatusAccepted
		}
	}
	return http.StatusOK
}

// sendReceipt answers after what w asks to wait for.
func sendReceipt(c *fiber.Ctx, w wait, r session.Receipt) error {
	out := receiptOf(r)
	out.waited, out.ElapsedMS = w.await(r)
	return c.Status(statusOf(r)).JSON(out)
}

func (i *Issuer) listSessions(c *fiber.Ctx) error {
	claims, err := i.caller(c)
	if err != nil {
		return err
	}
	list, err := i.sessions.Sessions(c.UserContext(), claims.Tenant, claims.Subject)
	if err != nil {
		return problem(err)
	}
	return sendSessions(c, list, claims.SessionID)
}

func (i *Issuer) endSession(c *fiber.Ctx) error {
	w, err := i.waitOf(c, usersWaits)
	if err != nil {
		return err
	}
	claims, err := i.caller(c)
	if err != nil {
		return err
	}
	id, err := param(c, "id")
	if err != nil {
		return err
	}
	receipt, err := i.sessions.EndOne(c.UserContext(), claims.Tenant, claims.Subject, id)
	if err != nil {
		return problem(err)
	}
	return sendReceipt(c, w, receipt)
}

type endedResponse struct {
	Ended    int               `json:"ended"`
	Receipts []receiptResponse `json:"receipts"`
	*waited
	ElapsedMS float64 `json:"elapsed_ms"`
}

func (i *Issuer) endSessions(c *fiber.Ctx) error {
	if _, err := onlyQuery(c, "keep", "wait", "timeout"); err != nil {
		return err
	}
	w, err := i.waitOf(c, usersWaits)
	if err != nil {
		return err
	}
	claims, err := i.caller(c)
	if err != nil {
		return err
	}
	keep := ""
	switch c.Query("keep") {
	case "":
	case "current":
		keep = claims.SessionID
	default:
		return front.BadRequest("keep: only current is known")
	}
	receipts, err := i.sessions.EndAll(c.UserContext(), claims.Tenant, claims.Subject, keep)
	if err != nil {
		return problem(err)
	}
	out := endedResponse{Ended: len(receipts), Receipts: make([]receiptResponse, 0, len(receipts))}
	for _, r := range receipts {
		out.Receipts = append(out.Receipts, receiptOf(r))
	}
	if keep == "" { // what the store has lost is not among them
		receipt, err := i.sessions.RevokeUser(c.UserContext(), claims.Tenant, claims.Subject)
		if err != nil {
			return problem(err)
		}
		receipts = append(receipts, receipt)
	} else {
		receipts = append(receipts, i.flushed(c.UserContext()))
	}
	out.waited, out.ElapsedMS = w.await(receipts...)
	return c.Status(statusOf(receipts...)).JSON(out)
}

func (i *Issuer) userSessions(c *fiber.Ctx) error {
	if _, err := onlyQuery(c, "tenant"); err != nil {
		return err
	}
	id, err := param(c, "id")
	if err != nil {
		return err
	}
	tenant := string([]byte(c.Query("tenant", session.DefaultTenant)))
	if err := i.within(c, tenant); err != nil {
		return err
	}
	list, err := i.sessions.Sessions(c.UserContext(), tenant, id)
	if err != nil {
		return problem(err)
	}
	return sendSessions(c, list, "")
}

// param returns a copy of a path parameter: Fiber reuses its buffers.
func param(c *fiber.Ctx, name string) (string, error) {
	value, err := url.PathUnescape(c.Params(name))
	if err != nil || value == "" || len(value) > events.MaxSubject {
		return "", front.BadRequest(name + " in the path is malformed")
	}
	return string([]byte(value)), nil
}
