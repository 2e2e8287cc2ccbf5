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
	interruptions uint64        // of the follower, at the last look
	interrupted   time.Duration // when they last changed
	refused       time.Duration // when an issuer last refused, 0 if never
	known         bool
}

// note takes in what a question has come to.
func (a *alone) note(err error, interruptions uint64, now time.Duration) {
	if refusal, ok := errors.AsType[*Refusal](err); ok && refusal.By == RoleIssuer {
		a.refused, a.known = now, true
	}
	if interruptions != a.interruptions {
		a.interruptions, a.interrupted = interruptions, now
	}
}

// is reports whether no issuer has refused for four intervals, and nothing has
// been interrupted for two.
func (a *alone) is(now, interval time.Duration) bool {
	return (!a.known || now-a.refused > 4*interval) && (a.interruptions == 0 || now-a.interrupted > 2*interval)
}
