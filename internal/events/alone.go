package events

import (
	"errors"
	"time"
)

// alone says whether an edge may take it that no issuer is there. It is of one
// goroutine.
//
// An issuer that refuses is there: it is putting into the log what was revoked
// while the log was away, and an edge that answered in its place would make
// others fresh without that. After an interruption of its own an edge gives the
// issuers time to come back as well.
type alone struct {
	refused time.Duration // when an issuer last refused
	known   bool          // whether one ever did
}

// note takes in what a question has come to.
func (a *alone) note(err error, now time.Duration) {
	if refusal, ok := errors.AsType[*Refusal](err); ok && refusal.By == RoleIssuer {
		a.refused, a.known = now, true
	}
}

// is reports whether no issuer has refused for four intervals, and the log has
// been followed without an interruption for two.
func (a *alone) is(now, steady, interval time.Duration) bool {
	return (!a.known || now-a.refused > 4*interval) && steady > 2*interval
}
