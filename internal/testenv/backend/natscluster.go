//go:build unix

package backend

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/curfew-auth/curfew/internal/testenv/poll"
	"github.com/curfew-auth/curfew/internal/testenv/port"
)

// A NATSCluster is several servers that keep streams together.
type NATSCluster struct{ Nodes []*NATS }

// StartNATSCluster starts n servers and waits until they can keep a stream
// on all of them.
func StartNATSCluster(ctx context.Context, o NATSOptions, n int) (*NATSCluster, error) {
	var c *NATSCluster
	err := retryTaken(func() (err error) {
		if c, err = newCluster(o, n); err == nil {
			err = c.await(ctx)
		}
		if err != nil {
			c.Kill()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// newCluster starts the servers. On error some may be running.
func newCluster(o NATSOptions, n int) (*NATSCluster, error) {
	c := &NATSCluster{}
	ports, err := port.FreeN(2 * n)
	if err != nil {
		return c, err
	}
	routes := make([]string, n)
	for i := range routes {
		routes[i] = "nats://" + port.Loopback(ports[i])
	}
	name := o.Name
	for i := range n {
		node := o
		node.Name, node.Port = fmt.Sprintf("%s-%d", name, i+1), ports[n+i]
		node.Dir = filepath.Join(o.Dir, node.Name)
		started, err := newNATS(node, clusterConfig(name, ports[i], routes))
		if err != nil {
			return c, err
		}
		c.Nodes = append(c.Nodes, started)
	}
	return c, nil
}

// clusterConfig: no_advertise keeps clients to the addresses they were given,
// so that none finds its way around a fault proxy.
func clusterConfig(name string, own int, routes []string) string {
	return fmt.Sprintf("cluster { name: %q, listen: %q, no_advertise: true, routes: [%s] }\n",
		name, port.Loopback(own), strings.Join(routes, ", "))
}

func (c *NATSCluster) await(ctx context.Context) error {
	for _, n := range c.Nodes {
		if err := n.await(ctx); err != nil {
			return err
		}
	}
	return c.WaitReady(ctx)
}

// URL names all nodes.
func (c *NATSCluster) URL() string { return joinURLs(c.Nodes) }

// Kill kills every node.
func (c *NATSCluster) Kill() error {
	var errs []error
	for _, n := range c.Nodes {
		errs = append(errs, n.Kill())
	}
	return errors.Join(errs...)
}

// WipeRestart kills every node, deletes all data and starts again.
func (c *NATSCluster) WipeRestart(ctx context.Context) error {
	if err := c.Kill(); err != nil {
		return err
	}
	for _, n := range c.Nodes {
		if err := errors.Join(n.Wipe(), n.Process.Restart()); err != nil {
			return err
		}
	}
	return c.await(ctx)
}

// WaitReady waits until the cluster has a leader that can place a stream on
// every node that runs. A paused node counts as running.
func (c *NATSCluster) WaitReady(ctx context.Context) error {
	err := poll.Until(ctx, func() error {
		replicas := 0
		for _, n := range c.Nodes {
			if n.Running() {
				replicas++
			}
		}
		return c.place(ctx, replicas)
	})
	if err != nil {
		return fmt.Errorf("backend: cluster is not ready: %w", err)
	}
	return nil
}

// place creates a stream and deletes it again.
func (c *NATSCluster) place(ctx context.Context, replicas int) error {
	return c.Nodes[0].with(ctx, c.URL(), func(ctx context.Context, _ *nats.Conn, js jetstream.JetStream) error {
		name := "READY_" + nuid.Next()
		_, err := js.CreateStream(ctx, jetstream.StreamConfig{
			Name: name, Subjects: []string{"testenv.ready." + name},
			Storage: jetstream.MemoryStorage, Replicas: replicas,
		})
		if err != nil {
			return err
		}
		return js.DeleteStream(ctx, name)
	})
}

// Leader returns the node that leads a stream, for faults that aim at it. It waits
// until there is one.
func (c *NATSCluster) Leader(ctx context.Context, stream string) (leader *NATS, err error) {
	err = poll.Until(ctx, func() (err error) {
		leader, err = c.leader(ctx, stream)
		return err
	})
	return leader, err
}

func (c *NATSCluster) leader(ctx context.Context, stream string) (leader *NATS, err error) {
	err = c.Nodes[0].with(ctx, c.URL(), func(ctx context.Context, _ *nats.Conn, js jetstream.JetStream) error {
		s, err := js.Stream(ctx, stream)
		if err != nil {
			return err
		}
		for _, n := range c.Nodes {
			if info := s.CachedInfo().Cluster; info != nil && info.Leader == n.name {
				leader = n
				return nil
			}
		}
		return fmt.Errorf("backend: stream %s has no leader", stream)
	})
	return leader, err
}

// Lead makes a node the leader of a stream.
func (c *NATSCluster) Lead(ctx context.Context, stream string, node *NATS) error {
	order := fmt.Sprintf(`{"placement":{"preferred":%q}}`, node.name)
	err := poll.Until(ctx, func() error {
		leader, err := c.leader(ctx, stream)
		if err != nil || leader == node {
			return err
		}
		err = c.Nodes[0].with(ctx, c.URL(), func(ctx context.Context, nc *nats.Conn, _ jetstream.JetStream) error {
			_, err := nc.RequestWithContext(ctx, "$JS.API.STREAM.LEADER.STEPDOWN."+stream, []byte(order))
			return err
		})
		return errors.Join(fmt.Errorf("%s leads", leader.name), err)
	})
	if err != nil {
		return fmt.Errorf("backend: %s does not lead %s: %w", node.name, stream, err)
	}
	return nil
}
