package redisstore

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/session"
)

var (
	//go:embed lua/attempt.lua
	attemptSource string
	//go:embed lua/settle.lua
	settleSource string
)

// maxInFlight bounds how long an attempt that is never settled holds its place.
const maxInFlight = time.Minute

// Attempts counts failed logins. Everything it keeps expires: failures with
// their window, locks with their duration. It needs no vouch, since what a
// lost store forgets is only a count.
type Attempts struct {
	rdb           redis.UniversalClient
	keys          keys
	begin, settle *redis.Script
}

var _ session.Attempts = (*Attempts)(nil)

// NewAttempts returns the counts of a region. It does not connect.
func NewAttempts(rdb redis.UniversalClient, region string) *Attempts {
	return &Attempts{rdb: rdb, keys: newKeys(region), begin: script(attemptSource), settle: script(settleSource)}
}

// Begin implements session.Attempts.
func (a *Attempts) Begin(ctx context.Context, t session.Attempt, l session.LoginLimits) error {
	const op = "begin login"
	answer, err := a.begin.Run(ctx, a.rdb, a.names(t), t.ID, l.LockThreshold, l.LockWindow.Milliseconds(),
		min(l.LockWindow, maxInFlight).Milliseconds(), networkLimit(t, l), l.IPWindow.Milliseconds()).StringSlice()
	if err != nil {
		return unavailable(op, err)
	}
	d := decoder{}
	switch {
	case len(answer) == 1 && answer[0] == "INFLIGHT":
		return session.ErrInFlight
	case len(answer) == 2 && answer[0] == "LOCKED":
		return d.delay(session.ErrLocked, answer)
	case len(answer) == 2 && answer[0] == "THROTTLED":
		return d.delay(session.ErrThrottled, answer)
	case len(answer) == 1:
		return outcome(op, answer[0])
	}
	return fmt.Errorf("%s: %w", op, errMalformed)
}

func (d *decoder) delay(why error, answer []string) error {
	after := time.Duration(d.number(answer, 1)) * time.Millisecond
	if d.err != nil {
		return d.err
	}
	return &session.Delay{Err: why, After: after}
}

// Settle implements session.Attempts.
func (a *Attempts) Settle(ctx context.Context, t session.Attempt, l session.LoginLimits, o session.Outcome) (bool, error) {
	const op = "settle login"
	answer, err := a.settle.Run(ctx, a.rdb, a.names(t), t.ID, string(o), l.LockThreshold,
		l.LockWindow.Milliseconds(), l.LockDuration.Milliseconds(), networkLimit(t, l)).StringSlice()
	if err != nil {
		return false, unavailable(op, err)
	}
	if len(answer) != 2 {
		return false, fmt.Errorf("%s: %w", op, errMalformed)
	}
	return answer[1] == "1", outcome(op, answer[0])
}

// Unlock implements session.Attempts.
func (a *Attempts) Unlock(ctx context.Context, t session.Attempt) (bool, error) {
	var names []string
	all := a.names(t)
	if t.Account != "" {
		names = append(names, all[0], all[1])
	}
	if t.Network != "" {
		names = append(names, all[3])
	}
	if len(names) == 0 {
		return false, nil
	}
	n, err := a.rdb.Del(ctx, names...).Result()
	if err != nil {
		return false, unavailable("unlock", err)
	}
	return n > 0, nil
}

// names are the keys of an attempt. Accounts are hashed, since a name may be
// anything, and nobody's.
func (a *Attempts) names(t session.Attempt) []string {
	sum := sha256.Sum256([]byte(t.Account))
	account := base64.RawURLEncoding.EncodeToString(sum[:16])
	return []string{
		a.keys.prefix + "lock:" + account, a.keys.prefix + "failed:" + account,
		a.keys.prefix + "trying:" + account, a.keys.prefix + "net:" + t.Network,
	}
}

// networkLimit is none for a client whose address is not known.
func networkLimit(t session.Attempt, l session.LoginLimits) int {
	if t.Network == "" {
		return 0
	}
	return l.IPLimit
}
