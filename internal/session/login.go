package session

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// What authenticated the user of a new session.
const (
	byPassword = "password"
	byAdmin    = "opened_by_admin"
)

// Credentials are what somebody signs in with.
type Credentials struct {
	Username, Password string
	Tenant             string // DefaultTenant if empty
	Device             Device
	IP, UserAgent      string
}

func (c Credentials) oversized() bool {
	return len(c.Password) > MaxPassword || len(c.Username) > maxName || len(c.Tenant) > maxName
}

// Login authenticates a user and opens a session. Errors:
// ErrInvalidCredentials, ErrBadDevice, ErrSessionLimit, a Delay, ErrUnavailable.
func (s *Service) Login(ctx context.Context, c Credentials) (Grant, error) {
	if err := s.checkDevice(c.Device); err != nil {
		return Grant{}, err
	}
	user, err := s.authenticate(ctx, c)
	if err != nil {
		s.loginFailed(ctx, c, err)
		return Grant{}, err
	}
	return s.open(ctx, Session{
		Tenant: user.Tenant, UserID: user.ID, Roles: user.Roles, Scope: user.Scope,
		Device: c.Device, IP: c.IP, UserAgent: c.UserAgent,
	}, byPassword)
}

// Open opens a session for a user whom somebody else has authenticated; of the
// credentials it takes what the user comes from. Errors: ErrBadUser,
// ErrBadDevice, ErrSessionLimit, ErrUnavailable.
func (s *Service) Open(ctx context.Context, user User, from Credentials) (Grant, error) {
	if user.Tenant == "" {
		user.Tenant = DefaultTenant
	}
	if err := user.Check(); err != nil {
		return Grant{}, fmt.Errorf("%w: %w", ErrBadUser, err)
	}
	return s.open(ctx, Session{
		Tenant: user.Tenant, UserID: user.ID, Roles: user.Roles, Scope: user.Scope,
		Device: from.Device, IP: from.IP, UserAgent: from.UserAgent,
	}, byAdmin)
}

// authenticate refuses what no account can have without counting or hashing:
// that depends on nothing but the sizes that came.
func (s *Service) authenticate(ctx context.Context, c Credentials) (User, error) {
	if c.oversized() {
		return User{}, ErrInvalidCredentials
	}
	return s.admitted(ctx, c, func() (User, error) {
		return s.Users.Authenticate(ctx, c)
	})
}

// loginFailed counts every failure. Only wrong credentials go into the trail:
// of these the limits allow few, while refusals may come by the thousand.
func (s *Service) loginFailed(ctx context.Context, c Credentials, err error) {
	s.Metrics.failed(err)
	if errors.Is(err, ErrInvalidCredentials) {
		s.noteAs(ctx, c.event(EventLoginFailed, "invalid_credentials"))
	}
}

func (s *Service) locked(ctx context.Context, c Credentials) {
	s.Metrics.lockouts.Inc()
	e := c.event(EventLocked, "login_lock_threshold")
	e.Actor = actorSelf
	s.noteAs(ctx, e)
}

// event is one about a name, which may be nobody's.
func (c Credentials) event(kind, reason string) Event {
	return Event{
		Kind: kind, At: time.Now(), Tenant: clip(keyOf(c).tenant, maxName), Username: c.Username,
		Device: c.Device, IP: c.IP, UserAgent: c.UserAgent, Reason: reason,
	}
}
