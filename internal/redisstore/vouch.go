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

// Now reads the server's clock.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	now, err := s.rdb.Time(ctx).Result()
	if err != nil {
		return time.Time{}, unavailable("time", err)
	}
	return now, nil
}

// Vouch declares the store complete as of a reading of Now, after a refill. It
// is refused with commit.ErrRefillLost if the store was wiped, restarted,
// failed over or took longer than ten minutes since BeginRefill. Repeating it
// is harmless.
func (s *Store) Vouch(ctx context.Context, r commit.Refill, asOf time.Time) error {
	_, err := s.run(ctx, "vouch", s.scripts.vouch,
		[]string{s.keys.vouch(), s.keys.refill(r.Token), s.keys.stamp()}, r.Incarnation, asOf.UnixMilli(), min(r.Floor, maxStamp))
	return err
}

// KeepVouch renews a vouch that still holds, as of a reading of Now. It never
// makes one: the error wraps commit.ErrUnvouched if there is none for this
// incarnation. It returns the last stamp that was handed out.
func (s *Store) KeepVouch(ctx context.Context, asOf time.Time) (stamp int64, err error) {
	answer, err := s.run(ctx, "keep vouch", s.scripts.keep, []string{s.keys.vouch(), s.keys.stamp()}, asOf.UnixMilli())
	if err != nil {
		return 0, err
	}
	d := decoder{}
	stamp = d.number(answer, 0)
	return stamp, d.err
}
