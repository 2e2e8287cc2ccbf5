//go:build unix

package chaos

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

func storeFaults() []fault {
	return []fault{
		{name: "Redis flushed", part: store, loses: true, inject: flush, heal: nothing, accepted: 0.999},
		{name: "Redis restarted empty", part: store, loses: true, inject: wipeStore, heal: nothing, accepted: 0.999},
		{name: "Redis gone", part: store, inject: killStore, heal: restartStore, accepted: 0.999},
		{name: "Redis stopped", part: store, inject: stopStore, heal: wakeStore, accepted: 0.999},
		{name: "Redis failed over, last writes lost", part: store, loses: true, inject: failOver, heal: rejoin,
			accepted: 0.999, after: lostSome},
	}
}

func flush(ctx context.Context, r *run) error {
	c := redis.NewClient(&redis.Options{Addr: r.redis.Addr(), Protocol: 2, DisableIdentity: true})
	defer c.Close()
	return c.FlushAll(ctx).Err()
}

func wipeStore(ctx context.Context, r *run) error { return r.redis.WipeRestart(ctx) }

func killStore(_ context.Context, r *run) error { return r.redis.Kill() }

func restartStore(ctx context.Context, r *run) error { return r.redis.Restart(ctx) }

func stopStore(_ context.Context, r *run) error { return r.redis.Pause() }

func wakeStore(_ context.Context, r *run) error { return r.redis.Resume() }

// failOver promotes a replica that has missed the latest revocations, and lets
// the old primary die.
func failOver(ctx context.Context, r *run) error {
	if err := r.replica.WaitSynced(ctx); err != nil {
		return err
	}
	if err := r.replication.Stall(); err != nil {
		return err
	}
	soon, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	lost, _ := r.revokeSome(soon, 5) // a second fault may not let any through
	r.lost = len(lost)
	return errors.Join(r.redis.Kill(), r.replica.Promote(ctx), r.storeMoved())
}

// lostSome: the replica really missed something.
func lostSome(r *run, _ result) error {
	if r.lost == 0 {
		return errors.New("no revocation was answered with 200 before the failover")
	}
	return nil
}

// storeMoved swaps the roles and sends everybody to the new primary.
func (r *run) storeMoved() error {
	r.redis, r.replica = r.replica, r.redis
	var errs []error
	for _, n := range r.all() {
		n.redis.SetTarget(r.redis.Addr())
		n.redis.Cut()
		errs = append(errs, n.redis.Heal())
	}
	return errors.Join(errs...)
}

// rejoin makes the old primary a replica of the new one.
func rejoin(ctx context.Context, r *run) error {
	r.replication.Cut()
	r.replication.SetTarget(r.redis.Addr())
	if err := r.replication.Heal(); err != nil {
		return err
	}
	if err := r.replica.Restart(ctx); err != nil {
		return err
	}
	if err := r.replica.Follow(ctx, r.replication.Addr()); err != nil {
		return err
	}
	return r.replica.WaitSynced(ctx)
}
