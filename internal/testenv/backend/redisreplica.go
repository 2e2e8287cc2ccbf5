//go:build unix

package backend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/testenv/poll"
)

// Replica starts a replica of the server and waits until it has caught up.
// via is the address to replicate from, for a fault proxy in between; empty:
// the server's own. The replica's directory lies beside the server's.
func (r *Redis) Replica(ctx context.Context, via string) (*Redis, error) {
	o := r.opts
	o.Name, o.Port, o.ReplicaOf = o.Name+"-replica", 0, via
	o.Dir = filepath.Clean(o.Dir) + "-replica"
	if via == "" {
		o.ReplicaOf = r.addr
	}
	replica, err := StartRedis(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := replica.WaitSynced(ctx); err != nil {
		return nil, errors.Join(err, replica.Kill())
	}
	return replica, nil
}

// WaitSynced waits until the link of a replica to its primary is up and the
// first copy is done. Later writes still arrive a little later.
func (r *Redis) WaitSynced(ctx context.Context) error {
	err := poll.Until(ctx, func() error {
		return r.talk(ctx, func(ctx context.Context, c *redis.Client) error {
			info, err := c.Info(ctx, "replication").Result()
			if err == nil && !strings.Contains(info, "master_link_status:up") {
				return fmt.Errorf("link is down: %s", info)
			}
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("backend: %s: replication: %w", r.Name(), err)
	}
	return nil
}

// Promote makes a replica a primary with what it has got so far. It stays one
// through restarts.
func (r *Redis) Promote(ctx context.Context) error { return r.follow(ctx, "NO", "ONE") }

// Follow makes a server a replica of the one at addr; its own data is lost.
func (r *Redis) Follow(ctx context.Context, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	return r.follow(ctx, host, port)
}

func (r *Redis) follow(ctx context.Context, host, port string) error {
	return r.talk(ctx, func(ctx context.Context, c *redis.Client) error {
		if err := c.ReplicaOf(ctx, host, port).Err(); err != nil {
			return err
		}
		return c.ConfigRewrite(ctx).Err()
	})
}
