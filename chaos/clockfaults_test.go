//go:build unix

package chaos

import (
	"context"
	"errors"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv/backend"
)

// A leap is longer than an access token lives and a revocation is kept: servers
// that go by their wall clocks forget.
const (
	leap    = 40 * time.Minute
	bigLeap = 3 * time.Hour
	behind  = -10 * time.Minute

	forgetting = 3 * agedTTL / 2 // after a leap a server has dropped what was due
)

// In each of the log two edges start anew, and know only what it still holds. One
// replica feeds each, and it may not be the one that forgot.
func clockFaults() []fault {
	return []fault{
		{name: "the clock of the log's leader leaps", part: theLog, recent: true, inject: leaping(leader, leap), heal: rightLog},
		{name: "the clock of the log's leader leaps and returns", part: theLog, recent: true, inject: leapAndReturn, heal: rightLog},
		{name: "the clock of a follower of the log leaps", part: theLog, recent: true, inject: leaping(follower, leap), heal: rightLog},
		{name: "every clock of the log leaps", part: theLog, recent: true, inject: leaping(everyNode, leap), heal: rightLog},
		{name: "the log's leader changes to a clock ahead", part: theLog, recent: true, inject: leadAhead, heal: rightLog},
		{name: "Redis' clock leaps", part: store, recent: true, inject: leapStore, heal: rightStore},
		{name: "Redis failed over to a clock behind", part: store, loses: true, recent: true, inject: failOverBehind, heal: rejoinRight, after: lostSome},
		{name: "Redis restored from an old image", part: all, loses: true, inject: restoreOld, while: refreshEnded, heal: rightImage, after: someWereOld},
	}
}

func (r *run) newcomers() error { return errors.Join(second(r).replace(nil), third(r).replace(nil)) }

// A chooser of nats-servers.
type chooser func(context.Context, *run) ([]*backend.NATS, error)

func leader(ctx context.Context, r *run) ([]*backend.NATS, error) {
	n, err := r.nats.Leader(ctx, stream)
	return []*backend.NATS{n}, err
}

func follower(ctx context.Context, r *run) ([]*backend.NATS, error) {
	n, err := r.nats.Leader(ctx, stream)
	for _, other := range r.nats.Nodes {
		if other != n {
			return []*backend.NATS{other}, err
		}
	}
	return nil, err
}

func everyNode(_ context.Context, r *run) ([]*backend.NATS, error) { return r.nats.Nodes, nil }

func leaping(which chooser, by time.Duration) func(context.Context, *run) error {
	return func(ctx context.Context, r *run) error {
		_, err := r.leap(ctx, which, by)
		pause(ctx, forgetting)
		return errors.Join(err, r.newcomers())
	}
}

func (r *run) leap(ctx context.Context, which chooser, by time.Duration) ([]*backend.NATS, error) {
	nodes, err := which(ctx, r)
	if err != nil {
		return nil, err
	}
	for _, n := range nodes {
		n.Clock.Set(by)
	}
	return nodes, nil
}

func leapAndReturn(ctx context.Context, r *run) error {
	nodes, err := r.leap(ctx, leader, bigLeap)
	pause(ctx, forgetting)
	for _, n := range nodes {
		n.Clock.Set(0)
	}
	return errors.Join(err, r.newcomers())
}

func leadAhead(ctx context.Context, r *run) error {
	nodes, err := r.leap(ctx, follower, leap)
	if err != nil {
		return err
	}
	pause(ctx, forgetting)
	return errors.Join(r.nats.Lead(ctx, stream, nodes[0]), r.newcomers())
}

func rightLog(_ context.Context, r *run) error {
	for _, n := range r.nats.Nodes {
		n.Clock.Set(0)
	}
	return nil
}
