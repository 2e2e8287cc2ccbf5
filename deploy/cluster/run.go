package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/curfew-auth/curfew/deploy/nats"
	"github.com/curfew-auth/curfew/internal/devcerts"
	"github.com/curfew-auth/curfew/internal/testenv/backend"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

const (
	readyWithin = 60 * time.Second
	stopWithin  = 15 * time.Second
)

type options struct {
	bin, issuers, edges string
	encrypted           bool
}

// A cluster is everything that was started, in the order of starting.
type cluster struct {
	dir       string
	certs     string // of package devcerts; empty: plain text
	creds     credentials
	nats      *backend.NATS
	redis     *backend.Redis
	issuers   []*member
	edges     []*member
	processes []*proc.Process
}

// run starts the cluster, tells how to use it and keeps it until ctx ends or
// a part of it dies.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "curfew-cluster-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c := &cluster{dir: dir}
	defer func() { err = errors.Join(err, c.stop()) }()
	if err := c.start(ctx, o); err != nil {
		if ctx.Err() != nil {
			return nil // stopped while starting
		}
		return err
	}
	c.banner(out)
	return c.watch(ctx)
}

func (c *cluster) start(ctx context.Context, o options) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	var err error
	if c.creds, err = makeCredentials(c.dir); err != nil {
		return err
	}
	if o.encrypted {
		c.certs = filepath.Join(c.dir, "certs")
		if err := devcerts.Make(c.certs, nil); err != nil {
			return err
		}
	}
	if err := c.startServers(ctx); err != nil {
		return err
	}
	return c.startMembers(ctx, o)
}

func (c *cluster) startServers(ctx context.Context) error {
	bin, err := backend.BuildNATS(ctx)
	if err != nil {
		return err
	}
	layout := c.creds.nats
	c.nats, err = backend.StartNATS(ctx, backend.NATSOptions{
		Bin: bin, Name: "nats", Dir: filepath.Join(c.dir, "nats"), Config: layout.Config, Env: layout.Env, Login: layout.Login(nats.Keeper), Certs: c.certs,
	})
	if err != nil {
		return err
	}
	c.processes = append(c.processes, c.nats.Process)
	c.redis, err = backend.StartRedis(ctx, backend.RedisOptions{
		Name: "redis", Dir: filepath.Join(c.dir, "redis"), AppendOnly: true, Password: c.creds.redisPassword, Certs: c.certs,
	})
	if err != nil {
		return err
	}
	c.processes = append(c.processes, c.redis.Process)
	return nil
}

// watch returns when ctx ends, or with an error when a process did.
func (c *cluster) watch(ctx context.Context) error {
	died := make(chan *proc.Process, len(c.processes))
	for _, p := range c.processes {
		go func() {
			<-p.Done()
			died <- p
		}()
	}
	select {
	case <-ctx.Done():
		return nil
	case p := <-died:
		return fmt.Errorf("%s ended by itself; the end of its log:\n%s", p.Name(), p.Log())
	}
}

// stop ends the services before the servers that they use.
func (c *cluster) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	var errs []error
	for i := range c.processes {
		errs = append(errs, c.processes[len(c.processes)-1-i].Stop(ctx))
	}
	return errors.Join(errs...)
}
