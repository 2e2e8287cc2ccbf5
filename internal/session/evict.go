package session

import (
	"context"
	"errors"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

const (
	reasonLimit = "session_limit"
	actorSelf   = "curfew" // what nobody asked for
)

// evicted tells the log and the trail of the sessions that a login ended. They
// are over in the store already, so a failure here does not concern the login.
func (s *Service) evicted(ctx context.Context, o Opened) {
	if len(o.Evicted) == 0 {
		return
	}
	s.Metrics.evicted.Add(float64(len(o.Evicted)))
	filed := make([]events.Revocation, 0, len(o.Evicted))
	for _, e := range o.Evicted {
		filed = append(filed, e.Revocation)
		event := Event{
			Kind: EventSessionLimit, At: o.Stamp.Now, Tenant: e.Session.Tenant, UserID: e.Session.UserID,
			SessionID: e.Session.ID, Device: e.Session.Device, IP: e.Session.IP,
			Reason: reasonLimit, Actor: actorSelf, RevocationID: e.Revocation.ID,
		}
		s.Trail.Record(event)
	}
	s.Revoker.Complete(ctx, filed)
}

// limited notes a login that a limit refused.
func (s *Service) limited(of Session, err error) error {
	if errors.Is(err, ErrSessionLimit) {
		s.Trail.Record(Event{
			Kind: EventSessionLimit, At: time.Now(), Tenant: of.Tenant, UserID: of.UserID,
			Device: of.Device, IP: of.IP, UserAgent: of.UserAgent, Reason: "login_refused", Actor: actorSelf,
		})
	}
	return err
}
