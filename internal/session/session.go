package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

// The errors of the session rules. Stores return them bare or wrapped; the
// HTTP front maps each to one code.
var (
	// ErrInvalidCredentials: the user is unknown or the password is wrong.
	// Which of the two is never said.
	ErrInvalidCredentials = errors.New("session: invalid credentials")
	// ErrRefreshInvalid: the refresh token was never issued, or is malformed.
	ErrRefreshInvalid = errors.New("session: refresh token invalid")
	// ErrWrongDevice: a good refresh token, presented by another device than
	// the session is bound to. Nothing changed.
	ErrWrongDevice = fmt.Errorf("%w: another device", ErrRefreshInvalid)
	// ErrScope: more was asked for than the session is good for, or it is no
	// scope. Nothing changed.
	ErrScope = errors.New("session: scope not granted")
	// ErrRefreshReused: a refresh token that had been rotated away came
	// back after its grace. The session is over.
	ErrRefreshReused = errors.New("session: refresh token reused")
	// ErrEnded: the session has expired or was ended.
	ErrEnded = errors.New("session: ended")
	// ErrSessionLimit: the user has as many sessions as allowed, and older
	// ones do not give way. Nothing was opened.
	ErrSessionLimit = errors.New("session: too many sessions")
	// ErrNotFound: no such session, or not the caller's.
	ErrNotFound = errors.New("session: not found")
	// ErrBadDevice: the client describes its device in a way that a session
	// cannot carry.
	ErrBadDevice = errors.New("session: bad device")
	// ErrUnavailable: the store cannot be reached, or has lost data and is
	// still being refilled. Nothing was claimed; the caller may retry.
	ErrUnavailable = errors.New("session: store unavailable")
)

// A Device is what the client says it runs on.
type Device struct {
	ID   string `json:"id,omitempty"`
	Kind string `json:"kind,omitempty"` // web, ios, android, desktop, cli or other
	Name string `json:"name,omitempty"`
}

// A Session is one sign-in of one user on one device.
type Session struct {
	ID        string
	Issuer    string
	Tenant    string
	UserID    string
	Roles     []string
	Scope     string // what its tokens are good for, separated by spaces (RFC 9068)
	Device    Device
	IP        string
	UserAgent string
	CreatedAt time.Time // by the store's clock
	ExpiresAt time.Time // the absolute end, by the store's clock
	LastSeen  time.Time // the last login or refresh, to the minute
}

// A Stamp is when the store performed a transition.
type Stamp struct {
	// Now is the store's clock.
	Now time.Time
	// Millis orders transitions: it never decreases, and it is greater
	// than every cutoff handed out before. It becomes the token's iat_ms.
	Millis int64
}

// Refresh holds the hashes by which the store recognises a refresh token. The
// store never sees the token itself.
type Refresh struct {
	Family  [32]byte // SHA-256 of the part that every token of the session shares
	Current [32]byte // SHA-256 of the secret that is valid now
}

// A Rotation asks the store to exchange a presented secret for its successor.
type Rotation struct {
	SessionID string
	Issuer    string        // whose session it must be
	Family    [32]byte      // SHA-256 of the presented family part
	Presented [32]byte      // SHA-256 of the presented secret
	Successor [32]byte      // SHA-256 of the secret derived from the presented one with Salt
	Salt      [16]byte      // fresh, random
	Grace     time.Duration // how long the predecessor may be presented again
	Idle      time.Duration // the session ends when it is not refreshed for this long; 0: its end stays
	AccessTTL time.Duration // the longest that the access token given for it can be good
	// BindDevice demands that DeviceID be the session's, if that has one.
	BindDevice bool
	DeviceID   string
}

// Rotated is the store's answer to a Rotation.
type Rotated struct {
	Session Session
	Stamp   Stamp
	// Salt derives the current secret from the presented one. It is the
	// Rotation's own, or, when the presented secret was the immediate
	// predecessor within its grace, the salt of the rotation that won.
	Salt [16]byte
	// RefreshExpiresAt is when the idle or absolute lifetime ends.
	RefreshExpiresAt time.Time
}

// A Store keeps sessions, perhaps of several issuers. Every method is one atomic transition: it happens
// whole or not at all, whatever other issuers do at the same time. All may be
// called concurrently. A store that has lost data and has not been refilled
// MUST answer ErrUnavailable rather than act on what is left.
type Store interface {
	// Create opens a session, and in the same step ends those that have to go
	// for it, like a revocation that was filed and not published yet: no
	// moment sees more sessions than the limit. CreatedAt, ExpiresAt (now +
	// lifetime) and LastSeen are set from the store's clock. Error:
	// ErrSessionLimit.
	Create(ctx context.Context, o Opening) (Opened, error)
	// Rotate exchanges a refresh secret. Errors: ErrRefreshInvalid when the
	// family or the issuer does not match, or ErrWrongDevice (nothing changes), ErrRefreshReused when it does
	// but the secret is neither current nor in grace (nothing changes either:
	// the caller then ends the session with a revocation), ErrEnded.
	Rotate(ctx context.Context, r Rotation) (Rotated, error)
	// Prove returns the live session whose family part hashes to family.
	// Errors: ErrRefreshInvalid when it does not match, ErrEnded when there
	// is no such session.
	Prove(ctx context.Context, id string, family [32]byte) (Session, error)
	// Current returns the live session whose refresh token hashes to of, and
	// when that ends unless it is refreshed. Errors: ErrRefreshInvalid when
	// the family does not match, ErrRefreshReused when it does but the secret
	// has been rotated away (nothing changes), ErrEnded.
	Current(ctx context.Context, id string, of Refresh) (Session, time.Time, error)
	// Get returns a live session, or ErrNotFound.
	Get(ctx context.Context, id string) (Session, error)
	// List returns the live sessions that a user has with an issuer, oldest
	// first. It may stop after a thousand of them.
	List(ctx context.Context, issuer, tenant, userID string) ([]Session, error)
}

// Revoker ends things everywhere.
type Revoker interface {
	// Revoke commits the revocation; see package commit for what the
	// returned receipt promises. An error means that nothing is claimed.
	Revoke(ctx context.Context, scope events.Scope, subject, reason, actor string) (Receipt, error)
	// Commit is Revoke for any revocation of ours. The caller gives scope, tenant,
	// subject, mode, reason and actor.
	Commit(ctx context.Context, r events.Revocation) (Receipt, error)
	// Draft returns a revocation that nobody holds yet.
	Draft(scope events.Scope, subject, reason, actor string) events.Revocation
	// Complete takes revocations to the log that the store has filed. What
	// it cannot complete stays pending, and others will. It does not end
	// with ctx.
	Complete(ctx context.Context, filed []events.Revocation)
}

// Families make the family part of refresh tokens, of a session in a region, and
// know it again. Nobody else can make it.
type Families interface {
	Family(region string, session []byte) [16]byte
	IsFamily(region string, session []byte, family [16]byte) bool
}

// A Receipt says how far a revocation has got.
type Receipt struct {
	RevocationID string
	Scope        events.Scope
	Subject      string
	// Committed is true when both the log and the store hold the
	// revocation, false when only one does and the other will follow.
	Committed bool
	// Held is the revocation as log and store hold it.
	Held    events.Revocation
	Seq     uint64    // position in the log, 0 when it is not there yet
	At      time.Time // not before log and store had both acknowledged it
	Elapsed time.Duration
}
