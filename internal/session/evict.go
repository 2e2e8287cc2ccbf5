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
		event := e.Session.event(EventSessionLimit, reasonLimit, o.Stamp.Now)
		event.Actor, event.RevocationID = actorSelf, e.Revocation.ID
		event.IP, event.UserAgent = o.Session.IP, o.Session.UserAgent // of the login that took its place
		s.noteAs(ctx, event)
	}
	s.Revoker.Complete(ctx, filed)
}

// limited notes a login that a limit refused.
func (s *Service) limited(ctx context.Context, of Session, err error) error {
	if errors.Is(err, ErrSessionLimit) {
		of.ID = "" // it was never opened
		e := of.event(EventSessionLimit, "login_refused", time.Now())
		e.Actor = actorSelf
		s.noteAs(ctx, e)
	}
	return err
}
