package session

import (
	"context"
	"time"
)

const (
	maxCounting  = 64 // refreshes that are being counted at once
	countTimeout = 2 * time.Second
)

// RefreshAlarm says how often a session is refreshed before that is unusual.
// The zero value never says so.
type RefreshAlarm struct {
	Count  int           // refreshes within Window; 0: never
	Window time.Duration // of one session, from its first refresh on; positive with a Count
}

// Refreshes counts refreshes in the store, over all issuers.
type Refreshes interface {
	// Count counts one refresh of a session, and answers whether it is the
	// one that reached the alarm's count within its window: that is true
	// once per window. May be called concurrently.
	Count(ctx context.Context, sessionID string, a RefreshAlarm) (reached bool, err error)
}

// refreshed records a refresh and counts it. The client does not wait for the
// count, and while too many are being counted, or the store does not answer, a
// refresh stays uncounted: the alarm is no defence, reuse detection is.
func (s *Service) refreshed(ctx context.Context, r Rotated, retry bool, by Caller) {
	of, reason := r.Session, "exchange"
	of.IP = by.IP
	if retry {
		reason = "retry"
	}
	s.note(ctx, of.event(EventRefresh, reason, r.Stamp.Now))
	if s.config.RefreshAlarm.Count <= 0 {
		return
	}
	select {
	case s.counting <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() { <-s.counting }()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), countTimeout)
		defer cancel()
		if reached, err := s.Refreshes.Count(ctx, of.ID, s.config.RefreshAlarm); err == nil && reached {
			s.unusual(ctx, of, r.Stamp.Now)
		}
	}()
}

func (s *Service) unusual(ctx context.Context, of Session, at time.Time) {
	a := s.config.RefreshAlarm
	s.Metrics.unusual.Inc()
	s.Log.WarnContext(ctx, "session is refreshed unusually often", "session_id", of.ID, "tenant", of.Tenant, "user_id", of.UserID,
		"ip", clip(of.IP, maxIP), "refreshes", a.Count, "window", a.Window)
	e := of.event(EventRefreshUnusual, "refresh_alarm_count", at)
	e.Actor = actorSelf
	s.note(ctx, e)
}
