package session

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/internal/token"
)

const (
	// DefaultTenant is the tenant of whoever names none.
	DefaultTenant = "default"
	// ClientID is the client of tokens unless configured otherwise.
	ClientID = "curfew"
)

// A Minter signs access tokens.
type Minter interface {
	Mint(token.Claims) (string, error)
}

// Config are the rules' settings. All durations MUST be positive, except
// Grace, which may be zero.
type Config struct {
	Issuer     string
	Audience   []string
	ClientID   string // default ClientID
	Region     string
	AccessTTL  time.Duration
	RefreshTTL time.Duration // idle: the session ends unless refreshed within
	SessionMax time.Duration // absolute
	Grace      time.Duration // for retries of a refresh
	Login      LoginLimits
	Limit      Limit
	// RefreshAlarm tells of sessions that are refreshed unusually often.
	RefreshAlarm RefreshAlarm
	// FixedEnd leaves the end of a session where RefreshTTL put it at the
	// login. Without it every refresh moves it on.
	FixedEnd bool
	// BindDevice demands a device id at every login, and the same one at
	// every refresh.
	BindDevice bool
}

// Parts are what a Service works with. All are required, except Attempts when
// no LoginLimits are set, Refreshes when no RefreshAlarm is, and Metrics and Log,
// without which nothing can be read off.
type Parts struct {
	Store     Store
	Revoker   Revoker
	Minter    Minter
	Families  Families
	Users     Authenticator
	Trail     Trail
	Attempts  Attempts
	Refreshes Refreshes
	Metrics   *Metrics
	Log       *slog.Logger
}

// A Service applies the rules.
type Service struct {
	Parts
	config   Config
	counting chan struct{} // a place per refresh that is being counted
}

// NewService returns a Service.
func NewService(p Parts, c Config) *Service {
	if c.ClientID == "" {
		c.ClientID = ClientID
	}
	if p.Metrics == nil {
		p.Metrics = NewMetrics(prometheus.NewRegistry())
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{Parts: p, config: c, counting: make(chan struct{}, maxCounting)}
}

// A Grant is what a login or a refresh gives to the client.
type Grant struct {
	AccessToken      string
	ExpiresIn        time.Duration
	RefreshToken     string
	RefreshExpiresIn time.Duration
	SessionID        string
	UserID           string
	Scope            string // of the access token
}

// A Caller is whoever presents a refresh token.
type Caller struct {
	IP, DeviceID string
	// Scope is what the access token shall be good for, within the
	// session's; empty: all of that. The session keeps its own.
	Scope string
}

// Refresh exchanges a refresh token. A retry within the grace gets the same
// refresh token again, and an access token of its own. Errors:
// ErrRefreshInvalid, ErrWrongDevice, ErrScope, ErrEnded, ErrUnavailable, and
// ErrRefreshReused, after which the session has ended everywhere.
func (s *Service) Refresh(ctx context.Context, raw string, by Caller) (Grant, error) {
	grant, retry, err := s.refresh(ctx, raw, by)
	s.Metrics.refreshed(retry, err)
	return grant, err
}

// refresh tells besides whether it was a retry.
func (s *Service) refresh(ctx context.Context, raw string, by Caller) (_ Grant, retry bool, _ error) {
	presented, err := parseRefresh(raw)
	if err != nil {
		return Grant{}, false, err
	}
	if err := s.mayNarrow(ctx, presented, by.Scope); err != nil {
		return Grant{}, false, err
	}
	var salt [16]byte
	rand.Read(salt[:]) // never fails
	rotated, err := s.Store.Rotate(ctx, Rotation{
		SessionID: presented.session.String(), Issuer: s.config.Issuer, Family: presented.familyHash(), Presented: presented.secretHash(),
		Successor: presented.successor(salt).secretHash(), Salt: salt,
		Grace: s.config.Grace, Idle: s.config.idle(), AccessTTL: s.config.AccessTTL, BindDevice: s.config.BindDevice, DeviceID: by.DeviceID,
	})
	if err != nil {
		return Grant{}, false, s.refused(ctx, presented, by, err)
	}
	rotated.Session.Scope = cmp.Or(by.Scope, rotated.Session.Scope)
	grant, err := s.grant(rotated.Session, rotated.Stamp, presented.successor(rotated.Salt), rotated.RefreshExpiresAt)
	retry = rotated.Salt != salt
	if err == nil {
		s.refreshed(ctx, rotated, retry, by)
	}
	return grant, retry, err
}

func (c Config) idle() time.Duration {
	if c.FixedEnd {
		return 0
	}
	return c.RefreshTTL
}

// grant mints the access token. Its times are the store's, and it does not
// outlive the session: neither the absolute end, nor refreshEnd, after which
// the session is over unless it is refreshed, which gives another token.
func (s *Service) grant(of Session, stamp Stamp, refresh refreshToken, refreshEnd time.Time) (Grant, error) {
	expires := stamp.Now.Add(s.config.AccessTTL)
	for _, end := range [...]time.Time{of.ExpiresAt, refreshEnd} {
		if end.Before(expires) {
			expires = end
		}
	}
	access, err := s.Minter.Mint(token.Claims{
		Issuer: of.Issuer, Subject: of.UserID, ClientID: s.config.ClientID, ID: uuid.NewString(),
		SessionID: of.ID, Tenant: of.Tenant, Device: of.Device.ID, Region: s.config.Region,
		Audience: s.config.Audience, Roles: of.Roles, Scope: of.Scope,
		IssuedAt: stamp.Now, ExpiresAt: expires, IssuedAtMillis: stamp.Millis,
	})
	if err != nil {
		return Grant{}, fmt.Errorf("session: %w", err)
	}
	return Grant{
		AccessToken: access, ExpiresIn: expires.Sub(stamp.Now),
		RefreshToken: refresh.encode(), RefreshExpiresIn: refreshEnd.Sub(stamp.Now),
		SessionID: of.ID, UserID: of.UserID, Scope: of.Scope,
	}, nil
}

// event is one about a session, by its user.
func (of Session) event(kind, reason string, at time.Time) Event {
	return Event{
		Kind: kind, At: at, Tenant: of.Tenant, UserID: of.UserID, SessionID: of.ID,
		Device: of.Device, IP: of.IP, UserAgent: of.UserAgent, Reason: reason, Actor: of.UserID,
	}
}
