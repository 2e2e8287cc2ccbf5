package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/token"
)

// endTimeout bounds the end of a session that must not depend on the caller
// staying connected.
const endTimeout = 5 * time.Second

// refused acts on a refresh that the store declined: a reused token ends the
// session, even if whoever presented it has hung up.
func (s *Service) refused(ctx context.Context, presented refreshToken, by Caller, err error) error {
	kind, reason := EventReuse, "refresh_reuse"
	switch {
	case errors.Is(err, ErrWrongDevice):
		kind, reason = EventDeviceMismatch, "device_mismatch"
	case !errors.Is(err, ErrRefreshReused):
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	id := presented.session.String()
	s.suspicious(ctx, kind, reason, id, by)
	if kind == EventDeviceMismatch {
		return err
	}
	if _, endErr := s.Revoker.Revoke(ctx, events.ScopeSession, id, reason, actorSelf); endErr != nil {
		return fmt.Errorf("session: end after reuse: %w", endErr) // not ended, so not claimed
	}
	return err
}

// suspicious notes and counts a refresh that a thief may have tried.
func (s *Service) suspicious(ctx context.Context, kind, reason, id string, by Caller) {
	of, err := s.Get(ctx, id)
	if err != nil { // ended meanwhile, or the store is gone: the event says less
		of = Session{ID: id}
	}
	s.Metrics.suspicious.WithLabelValues(kind).Inc()
	e := of.event(kind, reason, time.Now())
	e.IP, e.Actor = by.IP, actorSelf
	s.note(ctx, e)
}

// Logout ends a session everywhere. It does not ask the store first, so that
// it works whenever anything can take the revocation; repeating it is
// harmless. Of the session it needs the ID; the rest is for the trail. The caller
// MUST have verified that the session is the user's who ends it.
func (s *Service) Logout(ctx context.Context, of Session) (Receipt, error) {
	return s.end(ctx, of, "logout", of.UserID)
}

// LogoutRefresh ends the session of a refresh token, which may have been
// rotated away: its family part proves that it was once good. Errors:
// ErrRefreshInvalid, ErrEnded, ErrUnavailable.
//
// A store that has lost the session says that it is over, and its access tokens
// live on. So what our keys show to have been opened is ended once more, whatever
// the store says; ErrEnded then comes with the receipt of that, which is committed.
func (s *Service) LogoutRefresh(ctx context.Context, raw string) (Receipt, error) {
	t, err := parseRefresh(raw)
	if err != nil {
		return Receipt{}, err
	}
	of, err := s.prove(ctx, t)
	switch {
	case err == nil:
		return s.end(ctx, of, "logout", of.UserID)
	case !s.opened(t):
		return Receipt{}, err
	}
	receipt, failed := s.Revoker.Revoke(ctx, events.ScopeSession, t.session.String(), "logout", "")
	if failed == nil && receipt.Committed && errors.Is(err, ErrEnded) {
		return receipt, err
	}
	return receipt, failed
}

// Sessions returns a user's live sessions, oldest first.
func (s *Service) Sessions(ctx context.Context, tenant, userID string) ([]Session, error) {
	return s.Store.List(ctx, s.config.Issuer, tenant, userID)
}

// EndOne ends one of a user's own sessions. ErrNotFound covers another user's.
func (s *Service) EndOne(ctx context.Context, tenant, userID, sessionID string) (Receipt, error) {
	of, err := s.Get(ctx, sessionID)
	if err != nil {
		return Receipt{}, err
	}
	if of.Tenant != tenant || of.UserID != userID {
		return Receipt{}, ErrNotFound
	}
	return s.end(ctx, of, "session_ended", userID)
}

// EndAll ends all of a user's sessions but keep, which may be empty. On an
// error the receipts tell which have ended.
func (s *Service) EndAll(ctx context.Context, tenant, userID, keep string) ([]Receipt, error) {
	var receipts []Receipt
	ended := map[string]bool{keep: true}
	for {
		// List may stop short of the end, and goes on once the first are gone.
		list, err := s.Sessions(ctx, tenant, userID)
		if err != nil {
			return receipts, err
		}
		before := len(receipts)
		for _, of := range list {
			if ended[of.ID] {
				continue
			}
			receipt, err := s.end(ctx, of, "sessions_ended", userID)
			if err != nil {
				return receipts, err
			}
			ended[of.ID] = true
			receipts = append(receipts, receipt)
		}
		if len(receipts) == before {
			return receipts, nil
		}
	}
}

// RevokeUser ends all that a user has, who asks for it, also sessions that the store
// has lost.
func (s *Service) RevokeUser(ctx context.Context, tenant, userID string) (Receipt, error) {
	const reason = "sessions_ended"
	receipt, err := s.Revoker.Commit(ctx, events.Revocation{
		Scope: events.ScopeUser, Tenant: tenant, Subject: userID, Reason: reason, Actor: userID,
	})
	if err != nil {
		return Receipt{}, err
	}
	s.note(ctx, Event{
		Kind: EventLogout, At: time.Now(), Tenant: tenant, UserID: userID, Reason: reason, Actor: userID,
		Scope: string(events.ScopeUser), Subject: userID, RevocationID: receipt.RevocationID,
	})
	return receipt, nil
}

// RevokeToken ends one access token, whose holder asks for it; its session goes
// on. The claims must have been verified.
func (s *Service) RevokeToken(ctx context.Context, c token.Claims, reason string) (Receipt, error) {
	receipt, err := s.Revoker.Revoke(ctx, events.ScopeToken, c.ID, reason, c.Subject)
	if err != nil {
		return Receipt{}, err
	}
	s.note(ctx, Event{
		Kind: EventTokenRevoked, At: time.Now(), Tenant: c.Tenant, UserID: c.Subject, SessionID: c.SessionID,
		Device: Device{ID: c.Device}, Reason: reason, Actor: c.Subject,
		Scope: string(events.ScopeToken), Subject: c.ID, RevocationID: receipt.RevocationID,
	})
	return receipt, nil
}

func (s *Service) end(ctx context.Context, of Session, reason, actor string) (Receipt, error) {
	receipt, err := s.Revoker.Revoke(ctx, events.ScopeSession, of.ID, reason, actor)
	if err != nil {
		return Receipt{}, err
	}
	e := of.event(EventLogout, reason, time.Now())
	e.Actor = actor
	s.note(ctx, e)
	return receipt, nil
}
