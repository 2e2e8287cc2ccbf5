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
		[]string{s.keys.refill(token), s.keys.vouch()}, refillLimit.Milliseconds())
	if err != nil {
		return commit.Refill{}, err
	}
	if len(answer) < 3 {
		return commit.Refill{}, errMalformed
	}
	d := decoder{}
	refill := commit.Refill{Token: token, Incarnation: answer[0], Found: answer[1]}
	if at := d.number(answer, 2); at > 0 {
		refill.FoundAt = time.UnixMilli(at)
	}
	return refill, d.err
}

// Now reads the clock of the server that has the vouch. In a cluster TIME would be
// another's, and would be answered while that one is stopped.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	answer, err := s.run(ctx, "time", s.scripts.now, []string{s.keys.vouch()})
	if err != nil {
		return time.Time{}, err
	}
	if len(answer) < 1 {
		return time.Time{}, errMalformed
	}
	d := decoder{}
	now := d.millis(answer, 0)
	return now, d.err
}

// Vouch declares the store complete as of a reading of Now, after a refill. It
// is refused with commit.ErrRefillLost if the store was wiped, restarted,
// failed over, threw keys away or took longer than ten minutes since
// BeginRefill, or if a vouch was withdrawn. Repeating it is harmless.
//
// Unless what it holds is known to be no image, or one that its own vouch dates
// and that is young enough, its sessions are over from the same moment on.
func (s *Store) Vouch(ctx context.Context, r commit.Refill, asOf time.Time) error {
	keys := []string{s.keys.vouch(), s.keys.refill(r.Token), s.keys.stamp(), s.keys.cuts(), s.keys.furthest()}
	_, err := s.run(ctx, "vouch", s.scripts.vouch, keys, r.Incarnation, r.Found, r.Token, asOf.UnixMilli(),
		min(r.Floor, maxStamp), millisOf(r.Reckoned), r.Life.Milliseconds(), r.Furthest.Milliseconds(), millisOf(r.Seen))
	return err
}

// millisOf is 0 for the zero time.
func millisOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return min(t.UnixMilli(), maxStamp)
}

// KeepVouch renews a vouch that still holds, as of a reading of Now. It never
// makes one: the error wraps commit.ErrUnvouched if there is none for this
// incarnation, or the server has thrown keys away, or its clock has moved by
// more than commit.MaxUnkept since the last time.
func (s *Store) KeepVouch(ctx context.Context, asOf time.Time) (commit.Kept, error) {
	answer, err := s.run(ctx, "keep vouch", s.scripts.keep,
		[]string{s.keys.vouch(), s.keys.stamp(), s.keys.cuts(), s.keys.furthest()}, asOf.UnixMilli(), commit.MaxUnkept.Milliseconds())
	if err != nil {
		return commit.Kept{}, err
	}
	if len(answer) < 7 {
		return commit.Kept{}, errMalformed
	}
	d := decoder{}
	kept := commit.Kept{
		Stamp: d.number(answer, 0), Furthest: time.Duration(d.number(answer, 1)) * time.Millisecond, Now: d.millis(answer, 2),
		Vouch: answer[3], Ended: d.number(answer, 4), Unguarded: answer[5] != "0" && answer[6] == "0",
	}
	return kept, d.err
}

// Withdraw ends the vouch for an incarnation, for everybody, and every refill
// that has begun. It does nothing to another server.
func (s *Store) Withdraw(ctx context.Context, incarnation string) error {
	_, err := s.run(ctx, "withdraw vouch", s.scripts.withdraw, []string{s.keys.vouch()}, incarnation)
	return err
}
