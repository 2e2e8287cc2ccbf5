package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

const (
	// inFlightWait bounds how long a login waits for those that are being
	// checked for the same account.
	inFlightWait = 2 * time.Second
	// settleTimeout bounds the count of a failure, which must not depend
	// on the caller staying connected.
	settleTimeout = 2 * time.Second
)

// admitted runs check, which decides about a password, as an attempt that the
// limits admit. What check found is only told once it has been counted, so
// that a store which is down gives no free guesses.
func (s *Service) admitted(ctx context.Context, c Credentials, check func() (User, error)) (User, error) {
	if s.config.Login.off() {
		return check()
	}
	a := Attempt{ID: uuid.NewString(), Account: accountOf(c.Tenant, c.Username), Network: networkOf(c.IP)}
	if err := s.begin(ctx, a); err != nil {
		return User{}, err
	}
	user, err := check()
	outcome := outcomeOf(err)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	locked, settleErr := s.Attempts.Settle(ctx, a, s.config.Login, outcome)
	if locked {
		s.locked(ctx, c)
	}
	if outcome == Failed && settleErr != nil {
		return User{}, settleErr
	}
	return user, err
}

func outcomeOf(err error) Outcome {
	switch {
	case err == nil:
		return Succeeded
	case errors.Is(err, ErrInvalidCredentials):
		return Failed
	}
	return Void
}

// begin waits for attempts in flight, so that a client which logs in several
// times at once with the right password is not refused.
func (s *Service) begin(ctx context.Context, a Attempt) error {
	late := time.NewTimer(inFlightWait)
	defer late.Stop()
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		err := s.Attempts.Begin(ctx, a, s.config.Login)
		if !errors.Is(err, ErrInFlight) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
		case <-late.C:
			return &Delay{Err: ErrThrottled, After: time.Second}
		}
	}
}

// Unlock lifts the lock of an account and forgets its failures, and those of a
// network; either may be left out. It says whether there was anything to lift.
func (s *Service) Unlock(ctx context.Context, tenant, username, ip string) (bool, error) {
	if s.config.Login.off() {
		return false, nil
	}
	a := Attempt{Network: networkOf(ip)}
	if username != "" {
		a.Account = accountOf(tenant, username)
	}
	return s.Attempts.Unlock(ctx, a)
}
