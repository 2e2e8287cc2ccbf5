package redisstore

import (
	"fmt"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/session"
)

// unavailable is the one place where a failure of Redis or of the way to it
// becomes an error of ours. Nothing is retried below this, so every caller
// may assume that the transition happened or did not, unknown which.
func unavailable(op string, err error) error {
	return fmt.Errorf("redisstore: %s: %w: %w", op, session.ErrUnavailable, err)
}

// outcome translates the first word of a script's answer.
func outcome(op, word string) error {
	switch word {
	case "OK":
		return nil
	case "UNVOUCHED":
		return unavailable(op, commit.ErrUnvouched)
	case "ENDED":
		return session.ErrEnded
	case "INVALID":
		return session.ErrRefreshInvalid
	case "DEVICE":
		return session.ErrWrongDevice
	case "REUSED":
		return session.ErrRefreshReused
	case "LIMIT":
		return session.ErrSessionLimit
	case "NOTFOUND":
		return session.ErrNotFound
	case "LOST":
		return commit.ErrRefillLost
	}
	return fmt.Errorf("redisstore: %s: the script answered %q", op, word)
}
