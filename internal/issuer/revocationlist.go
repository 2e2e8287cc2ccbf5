package issuer

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/redisstore"
)

const (
	defaultListed = 100
	maxListed     = 1000
	// maxLooked bounds the revocations that one call looks at.
	maxLooked = 10_000
	maxCursor = 256 // bytes
)

type revocationRow struct {
	RevocationID string       `json:"revocation_id"`
	Scope        events.Scope `json:"scope"`
	ID           string       `json:"id"`
	Tenant       string       `json:"tenant,omitempty"` // of a user
	Issuer       string       `json:"issuer"`
	Mode         string       `json:"mode"`
	Reason       string       `json:"reason,omitempty"`
	Actor        string       `json:"actor,omitempty"`
	// RevokedAt is the stamp, by the store's clock: of a user, a tenant or all,
	// what was issued up to then is revoked.
	RevokedAt time.Time `json:"revoked_at"`
	ExpiresAt time.Time `json:"expires_at"` // when nothing needs it any more
}

type revocationsResponse struct {
	Revocations []revocationRow `json:"revocations"`
	// Next is the after of the next page; empty after the last.
	Next string `json:"next,omitempty"`
	// Unreadable is how many of the page a newer version has written.
	Unreadable int `json:"unreadable,omitempty"`
}

// A listing is what a caller wants to see.
type listing struct {
	scope  events.Scope // empty: every one
	tenant string       // empty: every one
	limit  int
	after  redisstore.Mark
}

// listRevocations lists what is revoked now, the newest first. The admin of a
// tenant sees what is known to be the tenant's: its users and itself. An entry
// for a session or a token does not say whose it was; the trail does.
func (i *Issuer) listRevocations(c *fiber.Ctx) error {
	if _, err := onlyQuery(c, "scope", "tenant", "limit", "after"); err != nil {
		return err
	}
	l, err := i.listingOf(c)
	if err != nil {
		return err
	}
	if !i.keeper.Vouched() {
		return front.Unavailable("the store may have lost revocations, and is being refilled")
	}
	out := revocationsResponse{Revocations: []revocationRow{}}
	for looked := 0; len(out.Revocations) < l.limit && looked < maxLooked; {
		page, next, ended, err := i.store.Newest(c.UserContext(), l.after, l.limit-len(out.Revocations))
		if err != nil {
			return problem(err)
		}
		for _, h := range page {
			out.add(l, h)
		}
		looked, l.after, out.Next = looked+max(len(page), 1), next, cursor(next)
		if ended {
			out.Next = ""
			break
		}
	}
	return c.JSON(out)
}

func (i *Issuer) listingOf(c *fiber.Ctx) (listing, error) {
	l := listing{scope: events.Scope(string([]byte(c.Query("scope")))), tenant: string([]byte(c.Query("tenant"))), limit: defaultListed}
	if l.scope != "" && !l.scope.Valid() {
		return l, front.BadRequest("scope must be token, session, user, tenant, all or key; a device is revoked as its sessions")
	}
	if len(l.tenant) > events.MaxSubject {
		return l, front.BadRequest("tenant has at most 512 bytes")
	}
	if text := c.Query("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxListed {
			return l, front.BadRequest("limit must be from 1 to 1000")
		}
		l.limit = n
	}
	var ok bool
	if l.after, ok = parseCursor(c.Query("after")); !ok {
		return l, front.BadRequest("after must be the next of a page")
	}
	if who := i.admin(c); !who.Everywhere() {
		if l.tenant == "" {
			l.tenant = who.tenant
		}
		return l, i.within(c, l.tenant)
	}
	return l, nil
}

func (out *revocationsResponse) add(l listing, h redisstore.Held) {
	switch r := h.Revocation; {
	case !h.Readable:
		out.Unreadable++
	case l.shows(r):
		mode := string(r.Mode)
		if r.Mode == events.ModeEnd {
			mode = modeEnd
		}
		out.Revocations = append(out.Revocations, revocationRow{
			RevocationID: r.ID, Scope: r.Scope, ID: r.Subject, Tenant: r.Tenant, Issuer: r.Issuer, Mode: mode,
			Reason: r.Reason, Actor: r.Actor, RevokedAt: time.UnixMilli(r.Stamp).UTC(), ExpiresAt: h.Expires(),
		})
	}
}

func (l listing) shows(r events.Revocation) bool {
	if l.scope != "" && r.Scope != l.scope {
		return false
	}
	switch {
	case l.tenant == "":
		return true
	case r.Scope == events.ScopeTenant:
		return r.Subject == l.tenant
	}
	return r.Tenant == l.tenant
}

func cursor(m redisstore.Mark) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(m.Expiry, 10) + " " + m.Key))
}

func parseCursor(text string) (m redisstore.Mark, ok bool) {
	if text == "" {
		return m, true
	}
	data, err := base64.RawURLEncoding.DecodeString(text)
	expiry, key, found := strings.Cut(string(data), " ")
	m.Key = key
	if err != nil || len(text) > maxCursor || !found || key == "" {
		return m, false
	}
	m.Expiry, err = strconv.ParseInt(expiry, 10, 64)
	return m, err == nil && m.Expiry > 0
}
