package guard

import (
	"errors"
	"fmt"
	"time"

	"github.com/curfew-auth/curfew/internal/token"
)

// Why a token was refused. The text of an error never holds any of the token.
var (
	ErrMissing   = errors.New("guard: no token")
	ErrMalformed = errors.New("guard: token malformed")
	ErrInvalid   = errors.New("guard: token invalid")
	ErrExpired   = errors.New("guard: token expired")
	ErrRevoked   = errors.New("guard: token revoked")
	// ErrRefreshRequired: the session goes on, but this token is too old; the
	// client should refresh and come again.
	ErrRefreshRequired = errors.New("guard: token must be refreshed")
	// ErrUnknown: whether the token is good cannot be known now. It may be;
	// the client should retry.
	ErrUnknown = errors.New("guard: freshness unknown")
	// ErrForbidden: the token is good but does not allow this.
	ErrForbidden = errors.New("guard: forbidden")
)

// An Identity is who a good token speaks for. It is shared between requests:
// do not change what Roles points to.
type Identity struct {
	// Issuer is the iss of the token. Where several are trusted, user, session
	// and tenant mean something only together with it.
	Issuer    string
	UserID    string
	SessionID string
	Tenant    string
	Device    string
	Roles     []string
	Scope     string
	TokenID   string
	ExpiresAt time.Time
}

func identityOf(c *token.Claims) Identity {
	return Identity{
		Issuer: c.Issuer,
		UserID: c.Subject, SessionID: c.SessionID, Tenant: c.Tenant, Device: c.Device,
		Roles: c.Roles, Scope: c.Scope, TokenID: c.ID, ExpiresAt: c.ExpiresAt,
	}
}

// refusal turns an error of package token into one of ours.
func refusal(err error) error {
	for from, to := range map[error]error{
		token.ErrMalformed: ErrMalformed,
		token.ErrExpired:   ErrExpired,
		token.ErrInvalid:   ErrInvalid,
	} {
		if errors.Is(err, from) {
			return fmt.Errorf("%w: %w", to, err)
		}
	}
	return fmt.Errorf("%w: %w", ErrUnknown, err)
}
