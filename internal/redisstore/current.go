package redisstore

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/curfew-auth/curfew/internal/session"
)

// Current implements session.Store.
func (s *Store) Current(ctx context.Context, id string, of session.Refresh) (session.Session, time.Time, error) {
	answer, err := s.fields(ctx, id, hex.EncodeToString(of.Family[:]))
	if errors.Is(err, session.ErrNotFound) {
		err = session.ErrEnded
	}
	if err != nil {
		return session.Session{}, time.Time{}, err
	}
	if valueOf(answer, "current") != hex.EncodeToString(of.Current[:]) {
		return session.Session{}, time.Time{}, session.ErrRefreshReused
	}
	d := decoder{}
	got, end := d.session(id, answer), d.millis([]string{valueOf(answer, "expires")}, 0)
	return got, end, d.err
}

// valueOf is the value of a field, or nothing.
func valueOf(pairs []string, field string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] == field {
			return pairs[i+1]
		}
	}
	return ""
}
