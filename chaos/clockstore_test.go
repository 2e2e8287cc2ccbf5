//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/testenv/poll"
)

// oldSessions is how many sessions are ended after the image was taken.
const oldSessions = 5

// longAfter is when nothing is left in the log, not even what was appended while
// its clock had leapt for another fault.
const longAfter = 2 * bigLeap

// leapStore first cuts an edge from the log and ends sessions: of these the edge
// can only learn from the store, which forgets them.
func leapStore(ctx context.Context, r *run) error {
	if err := cut(first(r).nats...); err != nil {
		return err
	}
	soon, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, _ = r.revokeSome(soon, oldSessions) // a second fault may not let any through
	pause(ctx, staleness)
	r.redis.Clock.Set(leap)
	return nil
}

func rightStore(_ context.Context, r *run) error {
	r.redis.Clock.Set(0)
	return slow(0, first(r).nats...)
}

func failOverBehind(ctx context.Context, r *run) error {
	r.replica.Clock.Set(behind)
	return failOver(ctx, r)
}

func rejoinRight(ctx context.Context, r *run) error {
	r.redis.Clock.Set(0)
	return rejoin(ctx, r)
}

// restoreOld takes an image of the store, ends sessions, lets so much time pass
// by the servers' clocks that log and store forget why, and puts the image in the
// store's place. The issuers start anew: nobody remembers.
func restoreOld(ctx context.Context, r *run) error {
	r.old = nil
	for len(r.old) < oldSessions {
		s := r.pool.take(0)
		if s == nil {
			return errors.New("no session left to end")
		}
		if s.refresh == "" {
			r.pool.put(s)
			continue
		}
		r.old = append(r.old, s)
	}
	image, err := r.redis.Image(ctx)
	if err != nil {
		return err
	}
	for _, s := range r.old {
		if err := r.endSession(ctx, s); err != nil {
			return fmt.Errorf("after the image: %w", err)
		}
	}
	if err := killIssuers(len(r.issuers))(ctx, r); err != nil {
		return err
	}
	if err := r.forget(ctx); err != nil {
		return err
	}
	return errors.Join(r.redis.Kill(), r.redis.RestoreImage(ctx, image), restartIssuers(len(r.issuers))(ctx, r))
}

// forget lets all clocks of the servers leap, and waits until the log has dropped
// why the sessions ended. What no store had applied stays for longer.
func (r *run) forget(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, recoveryLimit)
	defer cancel()
	r.redis.Clock.Set(longAfter)
	if _, err := r.leap(ctx, everyNode, longAfter); err != nil {
		return err
	}
	return r.onLog(func(log events.Log) error {
		return poll.Until(ctx, func() error { return r.forgotten(ctx, log) })
	})
}

// forgotten is an error while the log holds a revocation of one of the sessions.
func (r *run) forgotten(ctx context.Context, log events.Log) error {
	state, err := log.State(ctx)
	if err != nil || state.Revocations == 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for m, err := range log.Follow(ctx, events.Cursor{}) {
		if err != nil {
			return err
		}
		held, err := events.DecodeRevocation(m.Data)
		if err == nil && slices.ContainsFunc(r.old, func(s *session) bool { return s.sid == held.Subject }) {
			return fmt.Errorf("the log still holds the revocation of %s", held.Subject)
		}
		if m.Pending == 0 {
			return nil
		}
	}
	return errors.New("the log ended")
}

// refreshEnded tries to bring the ended sessions back. That none comes back is a
// rule of the history.
func refreshEnded(ctx context.Context, r *run) error {
	ctx, cancel := context.WithTimeout(ctx, max(r.lasting, 2*staleness))
	defer cancel()
	for pause(ctx, staleness/10) {
		for _, s := range r.old {
			soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
			again := *s
			if r.refresh(soon, r.anyIssuer(), &again); again.refresh != "" {
				s.refresh = again.refresh
			}
			cancel()
		}
	}
	return nil
}

func rightImage(ctx context.Context, r *run) error {
	r.redis.Clock.Set(0)
	return rightLog(ctx, r)
}

func someWereOld(r *run, _ result) error {
	if len(r.old) < oldSessions {
		return fmt.Errorf("only %d sessions were ended after the image", len(r.old))
	}
	return nil
}
