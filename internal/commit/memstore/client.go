package memstore

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/events"
)

// A Client is one issuer's way to the store.
type Client struct {
	store  *Store
	before func(op string) error
}

var _ commit.Store = (*Client)(nil)

// Client returns a client that calls before, unless it is nil, ahead of every
// call; an error of before fails the call, which then has no effect.
func (s *Store) Client(before func(op string) error) *Client {
	if before == nil {
		before = func(string) error { return nil }
	}
	return &Client{store: s, before: before}
}

// call performs one atomic operation, with all the faults of the way there and
// back.
func (c *Client) call(ctx context.Context, op string, write bool, do func(*Store) error) error {
	s := c.store
	s.mu.Lock()
	slow := s.slow
	s.mu.Unlock()
	if err := c.before(op); err != nil {
		return fmt.Errorf("memstore: %s: %w", op, err)
	}
	if !events.Sleep(ctx, slow/2) || ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := s.do(write, do); err != nil {
		return fmt.Errorf("memstore: %s: %w", op, err)
	}
	if !events.Sleep(ctx, slow/2) {
		return context.Cause(ctx)
	}
	return nil
}

func (s *Store) do(write bool, do func(*Store) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return ErrDown
	}
	if write {
		s.history = append(s.history, s.state.clone())
		s.history = s.history[max(0, len(s.history)-maxHistory):]
	}
	err := do(s)
	if err == nil && write && s.lose > 0 {
		s.lose--
		err = fmt.Errorf("%w: acknowledgement lost", ErrDown)
	}
	return err
}

// Revoke implements commit.Store.
func (c *Client) Revoke(ctx context.Context, r events.Revocation) (events.Revocation, error) {
	if _, err := r.Encode(); err != nil {
		return events.Revocation{}, err
	}
	err := c.call(ctx, "revoke", true, func(s *Store) error {
		floor := r.Stamp
		if s.vouched() {
			floor = 0
		}
		s.state.stamp = max(s.state.stamp, s.now().UnixMilli(), floor)
		r.Stamp, r.Incarnation, r.TTLMillis = s.state.stamp, s.name(), s.lifeFor(r).Milliseconds()
		s.pass(r)
		s.file(r)
		s.state.outbox[r.Filing()] = r
		return nil
	})
	return r, err
}

// lifeFor is that of r, or longer than any token that was handed out.
func (s *Store) lifeFor(r events.Revocation) time.Duration {
	if s.state.furthest.IsZero() {
		return r.TTL()
	}
	return max(r.TTL(), s.state.furthest.Sub(s.now())+commit.Margin)
}

// Apply implements commit.Store.
func (c *Client) Apply(ctx context.Context, incarnation string, rs []events.Revocation) error {
	for _, r := range rs {
		err := c.call(ctx, "apply", true, func(s *Store) error {
			if incarnation != "" && incarnation != s.name() {
				return commit.ErrRefillLost
			}
			s.state.stamp = max(s.state.stamp, r.Stamp)
			s.pass(r)
			s.file(r)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// pass leaves later stamps above a cutoff.
func (s *Store) pass(r events.Revocation) {
	if r.Scope.Cutoff() {
		s.state.stamp = max(s.state.stamp, r.Stamp+1)
	}
}

// file never shortens a life, and a repetition does not lengthen it, except in a
// refill: the clock that what is left of it was counted by may be another's. Of
// two cutoffs the larger stays.
func (s *Store) file(r events.Revocation) {
	held, until := s.state.entries[r.Key()], s.now().Add(r.TTL())
	if r.Scope.Cutoff() && s.holds(r.Key()) {
		if held.Stamp < r.Stamp {
			held.Revocation = r
		}
		held.until = later(held.until, until)
		s.state.entries[r.Key()] = held
		return
	}
	if s.holds(r.Key()) && (held.ID == r.ID && s.vouched() || held.until.After(until)) {
		return
	}
	s.state.entries[r.Key()] = entry{Revocation: r, until: until}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Reap implements commit.Store: there are no sessions here.
func (c *Client) Reap(context.Context) (int, error) { return 0, nil }

// Outbox implements commit.Store.
func (c *Client) Outbox(ctx context.Context, limit int) (out []events.Revocation, err error) {
	err = c.call(ctx, "outbox", false, func(s *Store) error {
		for _, r := range s.state.outbox {
			if len(out) < limit {
				out = append(out, r)
			}
		}
		return nil
	})
	return out, err
}

// Settle implements commit.Store.
func (c *Client) Settle(ctx context.Context, rs ...events.Revocation) (n int, err error) {
	err = c.call(ctx, "settle", true, func(s *Store) error {
		before := len(s.state.outbox)
		for _, r := range rs {
			delete(s.state.outbox, r.Filing())
		}
		n = before - len(s.state.outbox)
		return nil
	})
	return n, err
}

// Live implements commit.Store.
func (c *Client) Live(ctx context.Context) iter.Seq2[events.Revocation, error] {
	return func(yield func(events.Revocation, error) bool) {
		var live []events.Revocation
		err := c.call(ctx, "live", false, func(s *Store) error {
			for key, e := range s.state.entries {
				if s.holds(key) {
					live = append(live, e.Revocation)
				}
			}
			return nil
		})
		slices.SortFunc(live, func(a, b events.Revocation) int { return int(a.Stamp - b.Stamp) })
		for _, r := range live {
			if !yield(r, nil) {
				return
			}
		}
		if err != nil {
			yield(events.Revocation{}, err)
		}
	}
}
