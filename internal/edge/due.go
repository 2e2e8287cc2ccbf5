package edge

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/curfew-auth/curfew/internal/front"
)

// renewAge is how old a token that is good has to be to be renewed: older than
// a request may be that still carries what came before it.
const renewAge = 10 * time.Second

// due: a token of another issuer is not renewed while it is good, and one that
// was revoked never. Its session usually is over; if it is not, the client can
// ask the issuer itself.
func (e *Edge) due(a admission, err error) bool {
	if err == nil {
		left := time.Until(a.id.ExpiresAt)
		return a.id.Issuer == e.config.IssuerURL && left <= e.config.RenewBefore && !young(a, left)
	}
	p, ok := errors.AsType[*front.Problem](err)
	return ok && (p.Code == "token_missing" || p.Code == "token_expired" || p.Code == "token_invalid" || p.Code == "token_refresh_required")
}

// young tells of a token in the first half of its life that its successor would
// hardly last longer: near the end of the session, or with a renew_before that
// is longer than tokens live. Every request would rotate the refresh token, and
// one that is a little late present a token two rotations old, which is reuse.
func young(a admission, left time.Duration) bool {
	issued := issuedAt(a.raw)
	if issued.IsZero() {
		return false
	}
	age := a.id.ExpiresAt.Sub(issued) - left // by one clock, as left is
	return age < max(left, renewAge)
}

// issuedAt is the iat of a token that has been verified, or zero.
func issuedAt(raw string) time.Time {
	_, rest, _ := strings.Cut(raw, ".")
	payload, _, _ := strings.Cut(rest, ".")
	var claims struct {
		IssuedAt int64 `json:"iat"`
	}
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil || json.Unmarshal(text, &claims) != nil || claims.IssuedAt == 0 {
		return time.Time{}
	}
	return time.Unix(claims.IssuedAt, 0)
}
