package session

import (
	"context"

	"github.com/google/uuid"
)

// Credentials are what somebody signs in with.
type Credentials struct {
	Username, Password string
	Tenant             string // DefaultTenant if empty
	Device             Device
	IP, UserAgent      string
}

// Login authenticates a user and opens a session. Errors:
// ErrInvalidCredentials, ErrBadDevice, ErrUnavailable.
func (s *Service) Login(ctx context.Context, c Credentials) (Grant, error) {
	if err := c.Device.check(); err != nil {
		return Grant{}, err
	}
	if c.Tenant == "" {
		c.Tenant = DefaultTenant
	}
	user, err := s.Users.Authenticate(ctx, c.Tenant, c.Username, c.Password)
	if err != nil {
		return Grant{}, err
	}
	return s.open(ctx, user, c)
}

func (s *Service) open(ctx context.Context, user User, c Credentials) (Grant, error) {
	first := newRefreshToken(uuid.New())
	opened, stamp, err := s.Store.Create(ctx, Session{
		ID: first.session.String(), Issuer: s.config.Issuer, Tenant: user.Tenant, UserID: user.ID, Roles: user.Roles,
		Device: c.Device, IP: clip(c.IP, maxIP), UserAgent: clip(c.UserAgent, maxUserAgent),
	}, Refresh{Family: first.familyHash(), Current: first.secretHash()}, s.config.RefreshTTL, s.config.SessionMax)
	if err != nil {
		return Grant{}, err
	}
	grant, err := s.grant(opened, stamp, first, stamp.Now.Add(min(s.config.RefreshTTL, s.config.SessionMax)))
	if err == nil {
		s.record(EventLogin, opened, stamp.Now, c.IP)
	}
	return grant, err
}
