package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/curfew-auth/curfew/internal/apiclient"
)

const reason = "curfew doctor"

// roundTrip opens a session, presents it, revokes it, and presents it again.
// Store and log are judged by how that goes.
func (x *exam) roundTrip(ctx context.Context) {
	user := "curfew-doctor-" + strings.ToLower(rand.Text()[:12])
	opening, cancel := context.WithTimeout(ctx, askTimeout)
	grant, err := x.Issuer.OpenSession(opening, apiclient.Opening{
		UserID: user, Device: apiclient.Device{ID: user, Kind: "other", Name: reason}, // bind_device demands the id
	})
	cancel()
	opened := err == nil
	if opened {
		x.readStore(grant.AccessToken)
		x.each(ctx, func(ctx context.Context, e *edge) { x.accepts(ctx, e, grant) })
	}
	sid := grant.SessionID
	if !opened {
		sid = user // there is none: the revocation shows how the log is
	}
	receipt, revokeErr := x.revoke(ctx, sid)
	logDown := x.judge(err, receipt, revokeErr)
	switch start := time.Now(); {
	case !opened:
		x.add("login", "round trip", Skipped, "no session could be opened", "")
	case revokeErr != nil:
		x.add("revoke", "round trip", Skipped, "the session could not be revoked", "")
	default:
		x.keys(grant.AccessToken)
		x.each(ctx, func(ctx context.Context, e *edge) { x.refuses(ctx, e, grant, receipt, start) })
	}
	x.each(ctx, func(ctx context.Context, e *edge) { x.follow(ctx, e, receipt, unavailable(err), logDown) })
}

// revoke ends the session even if ctx has ended: it must not stay behind.
func (x *exam) revoke(ctx context.Context, sid string) (apiclient.Receipt, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*askTimeout)
	defer cancel()
	return x.Issuer.Revoke(ctx, apiclient.Revocation{Scope: "session", ID: sid, Reason: reason}, apiclient.Wait{})
}

// readStore reads the store's clock: it is what stamps a login (iat).
func (x *exam) readStore(access string) {
	var claims struct {
		IssuedAt int64 `json:"iat"`
	}
	if part(access, 1, &claims) && claims.IssuedAt > 0 {
		x.read("store", time.Unix(claims.IssuedAt, 0), time.Now())
	}
}

// judge tells how store and log are, by what opening a session and revoking
// one brought: a session needs the store alone; a revocation is committed if
// both have it, pending if one has, and refused if none has.
func (x *exam) judge(opened error, r apiclient.Receipt, revoked error) (logDown bool) {
	store := "see that redis-server runs, that issuers reach it (redis_url), and that it takes writes"
	log := "see that nats-server runs with JetStream and a quorum, and that issuers reach it (nats_url)"
	switch {
	case opened == nil:
		x.add("store", "Redis", OK, "took a session", "")
	case unavailable(opened):
		x.add("store", "Redis", Failed, "the issuer cannot open a session: "+opened.Error(), store)
	default:
		x.add("store", "Redis", Skipped, why(opened, "sessions"), "")
	}
	switch {
	case revoked == nil && r.Committed():
		x.add("log", "NATS", OK, "took a revocation", "")
	case revoked == nil && opened == nil:
		x.add("log", "NATS", Failed, "the revocation is pending: the store has it, the log does not", log)
		return true
	case revoked == nil && unavailable(opened):
		x.add("log", "NATS", OK, "took a revocation, which the store does not have", "")
	case revoked == nil:
		x.add("log", "NATS", Failed, "the revocation is pending: store or log does not have it", log+"; "+store)
	case unavailable(revoked):
		x.add("log", "NATS", Failed, "neither log nor store takes a revocation: "+revoked.Error(), log)
		return true
	default:
		x.add("log", "NATS", Skipped, why(revoked, "revoke"), "")
	}
	return false
}

// unavailable: the issuer answers that a part it needs does not, or does not
// answer itself.
func unavailable(err error) bool {
	p, ok := errors.AsType[*apiclient.Problem](err)
	return ok && p.Status == http.StatusServiceUnavailable || errors.Is(err, apiclient.ErrUnreachable)
}

// why is what keeps the admin from a call that takes the role.
func why(err error, role string) string {
	p, _ := errors.AsType[*apiclient.Problem](err)
	switch {
	case !refused(err):
		return err.Error()
	case p.Status == http.StatusUnauthorized:
		return fmt.Sprintf("this needs an admin's token that the issuer accepts: %v", err)
	case p.Status == http.StatusForbidden:
		return fmt.Sprintf("this needs an admin with the role %s, and no tenant: %v", role, err)
	}
	return fmt.Sprintf("no admin calls here; if the issuer has an admin_listen, give its URL as --admin-url: %v", err)
}
