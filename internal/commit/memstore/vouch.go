package memstore

import (
	"context"
	"fmt"
	"time"

	"github.com/curfew-auth/curfew/internal/commit"
)

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
		r = commit.Refill{Token: fmt.Sprint("refill-", s.tokens), Incarnation: s.name()}
		s.state.refills[r.Token] = s.name()
		return nil
	})
	return r, err
}

// Vouch implements commit.Store.
func (c *Client) Vouch(ctx context.Context, r commit.Refill, asOf time.Time) error {
	return c.call(ctx, "vouch", true, func(s *Store) error {
		if r.Incarnation != s.name() || s.state.refills[r.Token] != s.name() {
			return commit.ErrRefillLost
		}
		s.vouchAsOf(asOf)
		s.state.stamp = max(s.state.stamp, r.Floor)
		return nil
	})
}

// KeepVouch implements commit.Store.
func (c *Client) KeepVouch(ctx context.Context, asOf time.Time) (stamp int64, err error) {
	err = c.call(ctx, "keep vouch", true, func(s *Store) error {
		if !s.vouched() {
			return commit.ErrUnvouched
		}
		s.vouchAsOf(asOf)
		stamp = s.state.stamp
		return nil
	})
	return stamp, err
}
