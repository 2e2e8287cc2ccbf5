package events

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// Key names one revocable thing in the stores: the same for every revocation
// of it, different for every other scope, issuer or id. It is a hash, so its
// length is fixed and no id, however hostile, can pose as another.
func Key(scope Scope, issuer string, subject ...string) string {
	return hashed(string(scope), issuer, subject)
}

func hashed(kind, issuer string, subject []string) string {
	h := sha256.New()
	for _, part := range append([]string{kind, issuer}, subject...) {
		fmt.Fprintf(h, "%d:%s,", len(part), part)
	}
	return kind + ":" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

// cutoffKey is Key for a cutoff: those of different modes stand side by side.
func cutoffKey(mode Mode, scope Scope, issuer string, subject ...string) string {
	kind := string(scope)
	if mode != ModeEnd {
		kind += "." + string(mode)
	}
	return hashed(kind, issuer, subject)
}

// Key is what the stores file the revocation under. A second cutoff of the same
// key replaces the first if its stamp is larger, and else adds nothing.
func (r Revocation) Key() string {
	switch r.Scope {
	case ScopeUser:
		return cutoffKey(r.Mode, r.Scope, r.Issuer, r.Tenant, r.Subject)
	case ScopeTenant:
		return cutoffKey(r.Mode, r.Scope, r.Issuer, r.Subject)
	case ScopeAll:
		return cutoffKey(r.Mode, r.Scope, r.Issuer)
	}
	return Key(r.Scope, r.Issuer, r.Subject)
}

// A Token is what of an access token can be revoked.
type Token struct {
	Issuer, ID, Session, KeyID string
	Tenant, User               string
	Stamp                      int64 // iat_ms
}

// IDs are the keys of the revocations that name the token, its session or the
// key that it was signed with.
func (t Token) IDs() []string {
	return []string{
		Key(ScopeToken, t.Issuer, t.ID), Key(ScopeSession, t.Issuer, t.Session), Key(ScopeKey, t.Issuer, t.KeyID),
	}
}

// Cutoffs are the keys of the cutoffs that cover the token if their stamp is
// not below its own.
func (t Token) Cutoffs(mode Mode) []string { return Cutoffs(mode, t.Issuer, t.Tenant, t.User) }

// Cutoffs are the keys of the cutoffs of a user, of its tenant and of all.
func Cutoffs(mode Mode, issuer, tenant, user string) []string {
	return []string{
		cutoffKey(mode, ScopeUser, issuer, tenant, user),
		cutoffKey(mode, ScopeTenant, issuer, tenant),
		cutoffKey(mode, ScopeAll, issuer),
	}
}
