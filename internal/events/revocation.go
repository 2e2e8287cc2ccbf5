package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"
)

// A Scope says what one revocation covers.
type Scope string

// The scopes that exist in this version. An edge that reads a scope it does
// not know must treat its copy as incomplete, never skip the entry.
const (
	ScopeToken   Scope = "token"   // Subject is a jti
	ScopeSession Scope = "session" // Subject is a sid
	ScopeKey     Scope = "key"     // Subject is a kid

	// These are cutoffs: they cover what is stamped at or before Stamp.
	ScopeUser   Scope = "user"   // Subject is a user id, of Tenant
	ScopeTenant Scope = "tenant" // Subject is a tenant
	ScopeAll    Scope = "all"    // Subject is Everybody
)

// Everybody is the subject of a revocation of scope all.
const Everybody = "all"

// Valid reports whether this version can apply revocations of the scope.
func (s Scope) Valid() bool {
	switch s {
	case ScopeToken, ScopeSession, ScopeKey:
		return true
	}
	return s.Cutoff()
}

// Cutoff reports whether revocations of the scope are cutoffs.
func (s Scope) Cutoff() bool { return s == ScopeUser || s == ScopeTenant || s == ScopeAll }

// A Mode says what a cutoff does to the sessions behind the tokens.
type Mode string

// The modes. Only cutoffs have another than ModeEnd.
const (
	ModeEnd     Mode = ""        // sessions stamped at or before the cutoff are over
	ModeRefresh Mode = "refresh" // they live, and must fetch new access tokens
)

const (
	// MaxSubject bounds the length of a revoked id, in bytes.
	MaxSubject = 512
	// MaxTTL bounds how long a revocation lives. No access token lives longer,
	// and log, store and edges can all count that far.
	MaxTTL = 10 * 365 * 24 * time.Hour
)

// ErrBadRevocation is wrapped by every error about a revocation that cannot
// be understood or must not be published.
var ErrBadRevocation = errors.New("events: bad revocation")

// A Revocation says that tokens must no longer be accepted. It is immutable,
// and there is no un-revoke: any set of revocations merges by union, and cutoffs
// of one subject and mode by the largest stamp, so duplicates, replay and order
// never matter.
type Revocation struct {
	// ID identifies the act of revoking, not the thing revoked.
	ID    string `json:"id"`
	Scope Scope  `json:"scope"`
	// Issuer is the iss of the tokens concerned: no id means anything
	// without it.
	Issuer string `json:"iss"`
	// Tenant is that of the user, empty in every other scope.
	Tenant string `json:"tenant,omitempty"`
	// Subject is what is revoked; see the scopes.
	Subject string `json:"sub"`
	Mode    Mode   `json:"mode,omitempty"`
	// Stamp is the store's ordered stamp in Unix milliseconds. That of a
	// cutoff is at or above every stamp handed out before it and below
	// every one handed out after.
	Stamp int64 `json:"stamp"`
	// TTLMillis is how long a holder keeps the entry, counted by the
	// holder's own clock from the moment it took the entry over. A
	// duration, not a date: no clock is compared with another.
	TTLMillis int64  `json:"ttl_ms"`
	Reason    string `json:"reason,omitempty"`
	Actor     string `json:"actor,omitempty"`
	// Incarnation names the store that held the entry when it was
	// published; empty when no store could be reached.
	Incarnation string `json:"store,omitempty"`
}

// TTL is how long a holder keeps the entry after taking it over: MaxTTL at
// most, and nothing if TTLMillis is negative.
func (r Revocation) TTL() time.Duration {
	return time.Duration(min(max(r.TTLMillis, 0), MaxTTL.Milliseconds())) * time.Millisecond
}

// Filing names the filing in a store that gave the revocation its stamp. After the
// store has lost it, the same revocation is filed once more, under another.
func (r Revocation) Filing() string { return r.ID + " " + strconv.FormatInt(r.Stamp, 10) }

// Fingerprint is a short name of the filing, for leaving out what is known
// already. It proves nothing.
func (r Revocation) Fingerprint() uint64 { return xxhash.Sum64String(r.Filing()) }

// Encode returns the revocation's form on the log and in the store. It refuses
// one that is to live longer than MaxTTL: no holder would keep it that long.
func (r Revocation) Encode() ([]byte, error) {
	if r.TTLMillis > MaxTTL.Milliseconds() {
		return nil, fmt.Errorf("%w: lives longer than %v", ErrBadRevocation, MaxTTL)
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	return json.Marshal(r)
}

// DecodeRevocation reads what Encode wrote. Fields it does not know are
// ignored, so that newer issuers can add some; a scope it does not know is an
// error, because it cannot be applied. A life beyond MaxTTL becomes MaxTTL: a
// newer issuer may have written it, and the entry must not be lost.
func DecodeRevocation(data []byte) (Revocation, error) {
	r, ok := decodePlain(data)
	if !ok {
		r = Revocation{}
		if err := json.Unmarshal(data, &r); err != nil {
			return Revocation{}, fmt.Errorf("%w: %w", ErrBadRevocation, err)
		}
	}
	r.TTLMillis = min(r.TTLMillis, MaxTTL.Milliseconds())
	return r, r.check()
}

func (r Revocation) check() error {
	switch {
	case r.ID == "":
		return fmt.Errorf("%w: no id", ErrBadRevocation)
	case !r.Scope.Valid():
		return fmt.Errorf("%w: unknown scope %q", ErrBadRevocation, r.Scope)
	case r.Issuer == "":
		return fmt.Errorf("%w: no issuer", ErrBadRevocation)
	case r.Mode != ModeEnd && (r.Mode != ModeRefresh || !r.Scope.Cutoff()):
		return fmt.Errorf("%w: mode %q of scope %s", ErrBadRevocation, r.Mode, r.Scope)
	case (r.Scope == ScopeUser) != (r.Tenant != "") || len(r.Tenant) > MaxSubject:
		return fmt.Errorf("%w: tenant of %d bytes in scope %s", ErrBadRevocation, len(r.Tenant), r.Scope)
	case r.Scope == ScopeAll && r.Subject != Everybody:
		return fmt.Errorf("%w: scope all has no subject but %q", ErrBadRevocation, Everybody)
	case r.Subject == "" || len(r.Subject) > MaxSubject:
		return fmt.Errorf("%w: subject of %d bytes, want 1 to %d", ErrBadRevocation, len(r.Subject), MaxSubject)
	case r.TTLMillis <= 0:
		return fmt.Errorf("%w: no time to live", ErrBadRevocation)
	}
	return nil
}
