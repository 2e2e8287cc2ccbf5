package up

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/edge"
	"github.com/curfew-auth/curfew/internal/embedded"
	"github.com/curfew-auth/curfew/internal/issuer"
)

const (
	maxEdges = 100
	// readyTimeout is a ceiling; a cluster is ready in well under a second.
	readyTimeout = 30 * time.Second
)

// Options say what to start.
type Options struct {
	Port  int // of the issuer; the edges take the ports after it. 0: free ports
	Edges int
	Log   *slog.Logger
}

func (o Options) check() error {
	switch {
	case o.Edges < 1 || o.Edges > maxEdges:
		return &config.Invalid{Setting: "--edges", Reason: fmt.Sprintf("%d edges, want 1 to %d", o.Edges, maxEdges)}
	case o.Port < 0 || o.Port+o.Edges > 65535:
		return &config.Invalid{Setting: "--port", Reason: fmt.Sprintf("%d leaves no room for %d edges", o.Port, o.Edges)}
	}
	return nil
}

// A node is an issuer or an edge.
type node interface {
	Run(ctx context.Context, ln net.Listener) error
	Ready() error
}

// A Cluster is running. Its URLs and secrets are for the user.
type Cluster struct {
	IssuerURL  string
	EdgeURLs   []string
	AdminToken string
	Users      []User
	// NATSURL and RedisURL are for a guard beside the edges. Both hold
	// credentials.
	NATSURL, RedisURL string

	nats    *embedded.NATS
	store   *embedded.Store
	dir     string
	nodes   []node
	stop    context.CancelFunc
	running sync.WaitGroup
	failed  chan error
}

// Start starts a cluster and waits until all of it is ready.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	c := &Cluster{failed: make(chan error, 1+o.Edges)}
	ctx, c.stop = context.WithCancel(ctx)
	if err := c.start(ctx, o); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, o Options) (err error) {
	if c.dir, err = os.MkdirTemp("", "curfew-up-"); err != nil {
		return err
	}
	if err := c.makeSecrets(); err != nil {
		return err
	}
	if c.nats, err = embedded.StartNATS(filepath.Join(c.dir, "nats")); err != nil {
		return err
	}
	if c.store, err = embedded.StartStore(); err != nil {
		return err
	}
	c.NATSURL, c.RedisURL = c.nats.URL(), c.store.URL()
	listeners, err := listen(ctx, o)
	if err != nil {
		return err
	}
	if err := c.startNodes(ctx, o, listeners); err != nil {
		return err
	}
	return c.waitReady(ctx)
}

// listen takes every port before anything is started, so that a port in use is
// the first thing the user hears of.
func listen(ctx context.Context, o Options) (ls []net.Listener, err error) {
	for n := range 1 + o.Edges {
		port := 0
		if o.Port > 0 {
			port = o.Port + n
		}
		ln, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			for _, l := range ls {
				_ = l.Close()
			}
			return nil, fmt.Errorf("%w (choose another with --port)", err)
		}
		ls = append(ls, ln)
	}
	return ls, nil
}

func (c *Cluster) startNodes(ctx context.Context, o Options, ls []net.Listener) error {
	c.IssuerURL = "http://" + ls[0].Addr().String()
	i, err := issuer.New(c.issuerConfig(), o.Log.With("node", "issuer"))
	if err != nil {
		return err
	}
	c.run(ctx, i, ls[0])
	for n, ln := range ls[1:] {
		cfg := c.edgeConfig(n+1, "http://"+ln.Addr().String())
		e, err := edge.New(cfg, o.Log.With("node", cfg.EdgeID))
		if err != nil {
			return err
		}
		c.EdgeURLs = append(c.EdgeURLs, cfg.EdgeURL)
		c.run(ctx, e, ln)
	}
	return nil
}

func (c *Cluster) run(ctx context.Context, n node, ln net.Listener) {
	c.nodes = append(c.nodes, n)
	c.running.Go(func() {
		if err := n.Run(ctx, ln); err != nil {
			c.failed <- err
		}
	})
}

func (c *Cluster) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		var waiting error
		for _, n := range c.nodes {
			waiting = errors.Join(waiting, n.Ready())
		}
		if waiting == nil {
			return nil
		}
		select {
		case <-poll.C:
		case err := <-c.failed:
			return err
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), waiting)
		}
	}
}

// Wait blocks until ctx ends or a node fails.
func (c *Cluster) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-c.failed:
		return err
	}
}

// Close stops everything, in order, and removes what was on disk.
func (c *Cluster) Close() error {
	c.stop()
	c.running.Wait()
	if c.store != nil {
		c.store.Close()
	}
	if c.nats != nil {
		c.nats.Close()
	}
	if c.dir == "" {
		return nil
	}
	return os.RemoveAll(c.dir)
}

func (c *Cluster) issuerConfig() config.Issuer {
	var cfg config.Issuer
	config.Defaults(&cfg)
	c.common(&cfg.Common)
	cfg.KeysDir, cfg.UsersFile, cfg.AdminToken = c.keysDir(), c.usersFile(), c.AdminToken
	return cfg
}

func (c *Cluster) edgeConfig(n int, url string) config.Edge {
	var cfg config.Edge
	config.Defaults(&cfg)
	c.common(&cfg.Common)
	cfg.EdgeID, cfg.EdgeURL = "edge-"+strconv.Itoa(n), url
	cfg.Resolve()
	return cfg
}

func (c *Cluster) common(cfg *config.Common) {
	cfg.NATSURL, cfg.RedisURL, cfg.IssuerURL = c.NATSURL, c.RedisURL, c.IssuerURL
	cfg.DrainDelay = 0 // no load balancer, and somebody who has pressed Ctrl-C
}
