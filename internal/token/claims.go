package token

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

const (
	// MaxToken bounds a token in compact form, in bytes.
	MaxToken = 8 << 10
	// MaxID bounds iss, sub, jti, sid and tid, in bytes. It is what one
	// revocation can name (events.MaxSubject).
	MaxID = 512
	// maxUnix bounds exp and iat: the year 36812. Beyond it, time arithmetic
	// is not worth trusting.
	maxUnix = 1 << 40
)

// Claims are what an access token says, by the names of RFC 9068 and ours.
type Claims struct {
	Issuer    string // iss
	Subject   string // sub, the user id
	ClientID  string // client_id
	ID        string // jti
	SessionID string // sid
	Tenant    string // tid
	Device    string // did
	Scope     string // scope
	Region    string // rgn
	Audience  []string
	Roles     []string
	IssuedAt  time.Time // iat, whole seconds
	ExpiresAt time.Time // exp, whole seconds
	// IssuedAtMillis is iat_ms, the store's stamp in milliseconds: the only
	// time that may be compared with a cutoff.
	IssuedAtMillis int64
	// Foreign says that another issuer than ours has made the token. jti and
	// sid may then be empty, and IssuedAtMillis is the earliest time at which
	// that issuer may have made it.
	Foreign bool
	// KeyID is the kid that the token was verified with. Verify sets it; it
	// is not part of the claims.
	KeyID     string
	withdrawn *atomic.Bool // of that key; nil in claims that Verify did not make
}

// KeyTrusted reports whether the key that these claims were verified with is
// still published. Whoever keeps verified claims asks at every use, and
// verifies the token anew when it is not. It costs one atomic load.
func (c *Claims) KeyTrusted() bool { return c.withdrawn == nil || !c.withdrawn.Load() }

// check holds for every token that is minted or accepted: what the revocation
// rules need is there, and of a length that a revocation can carry.
func (c *Claims) check() error {
	for _, id := range [...]struct{ name, value string }{
		{"iss", c.Issuer}, {"sub", c.Subject}, {"jti", c.ID}, {"sid", c.SessionID}, {"tid", c.Tenant},
	} {
		if id.value == "" || len(id.value) > MaxID || !utf8.ValidString(id.value) {
			return fmt.Errorf("%s missing, longer than %d bytes or not UTF-8", id.name, MaxID)
		}
	}
	if len(c.Audience) == 0 || slices.Contains(c.Audience, "") {
		return errors.New("aud missing or empty")
	}
	if !plausible(c.IssuedAt) || !plausible(c.ExpiresAt) || c.IssuedAtMillis <= 0 {
		return errors.New("exp, iat or iat_ms missing or out of range")
	}
	return nil
}

func plausible(t time.Time) bool { return t.Unix() > 0 && t.Unix() < maxUnix }
