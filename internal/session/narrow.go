package session

import (
	"context"
	"slices"
	"strings"
	"time"
)

// mayNarrow returns ErrScope unless the scope lies within that of the token's
// session (RFC 6749 section 6). It is asked before the token is exchanged, and
// stays true: a session's scope never changes.
func (s *Service) mayNarrow(ctx context.Context, t refreshToken, scope string) error {
	if scope == "" {
		return nil
	}
	of, err := s.prove(ctx, t)
	if err != nil {
		return err
	}
	granted := strings.Split(of.Scope, " ")
	for word := range strings.SplitSeq(scope, " ") {
		if word == "" || !slices.Contains(granted, word) {
			return ErrScope
		}
	}
	return nil
}

// Inspect returns the session of a refresh token that could be used now, and
// when the token expires. It changes nothing, even if the token was used
// before. Errors: ErrRefreshInvalid, ErrRefreshReused, ErrEnded,
// ErrUnavailable.
func (s *Service) Inspect(ctx context.Context, raw string) (Session, time.Time, error) {
	t, err := parseRefresh(raw)
	if err != nil {
		return Session{}, time.Time{}, err
	}
	of, end, err := s.Store.Current(ctx, t.session.String(), Refresh{Family: t.familyHash(), Current: t.secretHash()})
	of, err = s.ours(of, err, ErrRefreshInvalid)
	return of, end, err
}

// SessionOf is the id of the session that a refresh token says it is of, which
// proves nothing. Error: ErrRefreshInvalid.
func SessionOf(raw string) (string, error) {
	t, err := parseRefresh(raw)
	return t.session.String(), err
}
