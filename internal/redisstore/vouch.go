package redisstore

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/curfew-auth/curfew/internal/commit"
)

// refillLimit is how long a refill may take before it must begin again.
const refillLimit = 10 * time.Minute

// BeginRefill opens an attempt. The caller then applies every revocation that
// the log and it itself know, and vouches with what this returned.
func (s *Store) BeginRefill(ctx context.Context) (commit.Refill, error) {
	token := rand.Text()
	answer, err := s.run(ctx, "begin refill", s.scripts.refill,
		[]string{s.keys.refill(token)}, refillLimit.Milliseconds())
	if err != nil {
		return commit.Refill{}, err
	}
	if len(answer) < 1 {
		return commit.Refill{}, errMalformed
	}
	return commit.Refill{Token: token, Incarnation: answer[0]}, nil
}

// Vouch declares the store complete, after a refill. It is refused with
// commit.ErrRefillLost if the store was wiped, restarted, failed over or took longer
// than ten minutes since BeginRefill. Repeating it is harmless.
func (s *Store) Vouch(ctx context.Context, r commit.Refill) error {
	_, err := s.run(ctx, "vouch", s.scripts.vouch,
		[]string{s.keys.vouch(), s.keys.refill(r.Token)}, r.Incarnation)
	return err
}

// KeepVouch renews the time of a vouch that still holds. It never makes one:
// the error wraps commit.ErrUnvouched if there is none for this incarnation.
func (s *Store) KeepVouch(ctx context.Context) error {
	_, err := s.run(ctx, "keep vouch", s.scripts.keep, []string{s.keys.vouch()})
	return err
}
