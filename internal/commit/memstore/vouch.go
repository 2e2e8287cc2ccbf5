package memstore

import (
	"context"
	"fmt"
	"time"

	"github.com/curfew-auth/curfew/internal/commit"
)

// A vouch is dated by its claim, and says when it was last renewed.
type vouch struct {
	incarnation string // empty if it was withdrawn
	was         string // its incarnation, then
	evicted     int    // how much the server had thrown away
	by          string // the refill that it was given for
	at, kept    time.Time
}

// vouched is whether somebody has vouched for this incarnation, at any time, and
// it has thrown nothing away since.
func (s *Store) vouched() bool {
	return s.state.vouch.incarnation == s.name() && s.state.vouch.evicted == s.evicted
}

// life is what a refill relies on.
func (s *Store) life() string { return fmt.Sprint(s.name(), " ", s.evicted, " ", s.state.ends) }

func (s *Store) withdraw() {
	if s.state.vouch.incarnation != "" {
		s.state.vouch.was = s.state.vouch.incarnation
	}
	s.state.vouch.incarnation = ""
	s.state.ends++
}

// vouchAsOf checks the rule that whoever vouches must keep. The date of a vouch
// only moves forward.
func (s *Store) vouchAsOf(asOf time.Time) {
	if asOf.After(s.now()) {
		asOf = s.now()
	}
	for key, d := range s.owed {
		if d.since.Before(asOf) && d.until.After(s.now()) && !s.holds(key) {
			s.broken("memstore: vouched for as of %s, but %s, committed at %s, is not held", asOf, key, d.since)
		}
	}
	s.state.vouch.kept = s.now()
	if asOf.After(s.state.vouch.at) || s.state.vouch.at.After(s.now()) {
		s.state.vouch.at = asOf
	}
}

// Now implements commit.Store.
func (c *Client) Now(ctx context.Context) (now time.Time, err error) {
	err = c.call(ctx, "now", false, func(s *Store) error {
		now = s.now()
		return nil
	})
	return now, err
}

// BeginRefill implements commit.Store.
func (c *Client) BeginRefill(ctx context.Context) (r commit.Refill, err error) {
	err = c.call(ctx, "begin refill", true, func(s *Store) error {
		s.tokens++
		r = commit.Refill{Token: fmt.Sprint("refill-", s.tokens), Incarnation: s.name(), Found: s.state.vouch.by, FoundAt: s.state.vouch.at}
		s.state.refills[r.Token] = s.life()
		return nil
	})
	return r, err
}

// Vouch implements commit.Store.
func (c *Client) Vouch(ctx context.Context, r commit.Refill, asOf time.Time) error {
	return c.call(ctx, "vouch", true, func(s *Store) error {
		was := s.state.vouch
		if r.Incarnation != s.name() || s.state.refills[r.Token] != s.life() || !s.vouched() && !was.at.IsZero() && was.by != r.Found {
			return commit.ErrRefillLost
		}
		if !s.vouched() {
			if !s.same(was, r) && !young(was.at, r) {
				s.endSessions(r)
			}
			s.state.vouch = vouch{incarnation: s.name(), evicted: s.evicted, by: r.Token}
		}
		s.state.stamp = max(s.state.stamp, r.Floor)
		if r.Furthest > 0 {
			s.lastsUntil(s.now().Add(r.Furthest))
		}
		s.vouchAsOf(asOf)
		return nil
	})
}

// same reports whether this is still the process that was vouched for, and holds
// what it held.
func (s *Store) same(was vouch, r commit.Refill) bool {
	return (was.incarnation == s.name() || was.was == s.name()) && !was.kept.Before(r.Seen)
}

// young reports whether an image with that date is completed by the log.
func young(at time.Time, r commit.Refill) bool {
	age := r.Reckoned.Sub(at)
	return !at.IsZero() && !r.Reckoned.IsZero() && age >= -time.Minute && age <= r.Life
}

func (s *Store) endSessions(r commit.Refill) {
	last := s.state.stamp
	if last == 0 {
		last = r.Floor
	}
	s.state.ended, s.state.endedBy = max(s.state.ended, last), r.Token
	s.state.stamp = max(s.state.stamp, s.state.ended+1)
}

// KeepVouch implements commit.Store.
func (c *Client) KeepVouch(ctx context.Context, asOf time.Time) (kept commit.Kept, err error) {
	err = c.call(ctx, "keep vouch", true, func(s *Store) error {
		if !s.vouched() {
			return commit.ErrUnvouched
		}
		if s.now().Sub(s.state.vouch.kept).Abs() > commit.MaxUnkept {
			s.withdraw()
			return commit.ErrUnvouched
		}
		s.vouchAsOf(asOf)
		kept = commit.Kept{
			Stamp: s.state.stamp, Now: s.now(), Vouch: s.state.vouch.by, Unguarded: s.unguarded,
			Furthest: max(0, s.state.furthest.Sub(s.now())),
		}
		if s.state.endedBy == s.state.vouch.by {
			kept.Ended = s.state.ended
		}
		return nil
	})
	return kept, err
}

// Withdraw implements commit.Store.
func (c *Client) Withdraw(ctx context.Context, incarnation string) error {
	return c.call(ctx, "withdraw", true, func(s *Store) error {
		if incarnation == s.name() {
			s.withdraw()
		}
		return nil
	})
}
