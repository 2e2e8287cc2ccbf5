package session

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/curfew-auth/curfew/internal/events"
)

// A Limit says how many live sessions a user of a tenant may have. Zero means
// any number.
type Limit struct {
	Total   int
	PerKind int // of the same kind of device; no kind counts as other
	// Refuse declines the login that is one too many. Without it the oldest
	// sessions end.
	Refuse bool
}

// An Opening asks the store for a new session.
type Opening struct {
	Session        Session
	Refresh        Refresh
	Idle, Lifetime time.Duration
	AccessTTL      time.Duration // the longest that the access token given for it can be good
	Limit          Limit
	// Eviction is the draft of the revocation of a session that has to go;
	// the store sets ID and Subject to that session's id. Only sessions of
	// its Issuer count.
	Eviction events.Revocation
}

// Opened is the store's answer to an Opening.
type Opened struct {
	Session          Session
	Stamp            Stamp
	RefreshExpiresAt time.Time // when the idle or absolute lifetime ends
	Evicted          []Evicted // oldest first
}

// An Evicted session has ended in the store because of a limit. Its revocation
// is in the outbox.
type Evicted struct {
	Session    Session // ID, Issuer, Tenant, UserID, Device and IP
	Revocation events.Revocation
}

// open opens a session for somebody who has been authenticated: of says who,
// where and for what, and why is for the trail. Errors: ErrBadDevice, ErrSessionLimit, ErrUnavailable.
func (s *Service) open(ctx context.Context, of Session, why string) (Grant, error) {
	if err := s.checkDevice(of.Device); err != nil {
		return Grant{}, err
	}
	first := s.first(uuid.New())
	of.ID, of.Issuer = first.session.String(), s.config.Issuer
	of.IP, of.UserAgent = clip(of.IP, maxIP), clip(of.UserAgent, maxUserAgent)
	opened, err := s.Store.Create(ctx, Opening{
		Session: of, Refresh: Refresh{Family: first.familyHash(), Current: first.secretHash()},
		Idle: s.config.RefreshTTL, Lifetime: s.config.SessionMax, AccessTTL: s.config.AccessTTL,
		Limit: s.config.Limit, Eviction: s.Revoker.Draft(events.ScopeSession, of.ID, reasonLimit, actorSelf),
	})
	if err != nil {
		return Grant{}, s.limited(ctx, of, err)
	}
	s.evicted(ctx, opened)
	grant, err := s.grant(opened.Session, opened.Stamp, first, opened.RefreshExpiresAt)
	if err == nil {
		s.Metrics.logins.WithLabelValues(why).Inc()
		s.noteAs(ctx, opened.Session.event(EventLogin, why, opened.Stamp.Now))
	}
	return grant, err
}
