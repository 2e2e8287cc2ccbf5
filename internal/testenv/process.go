//go:build unix

package testenv

import (
	"path/filepath"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv/backend"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

// Process starts a child process. An empty LogFile in the spec means a
// temporary one.
func Process(t testing.TB, spec proc.Spec) *proc.Process {
	t.Helper()
	if spec.LogFile == "" {
		spec.LogFile = filepath.Join(t.TempDir(), "log")
	}
	p, err := proc.Start(spec)
	Must(t, err)
	return own(t, p)
}

// own ends the process with the test and shows its log if the test failed.
func own(t testing.TB, p *proc.Process) *proc.Process {
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Errorf("%s lives on: %v", p.Name(), err)
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", p.Name(), p.Log())
		}
	})
	return p
}

// NATSProcess starts a nats-server with JetStream. Empty fields of the
// options are filled in.
func NATSProcess(t testing.TB, o backend.NATSOptions) *backend.NATS {
	t.Helper()
	fillNATS(t, &o)
	ctx, cancel := starting(t)
	defer cancel()
	n, err := backend.StartNATS(ctx, o)
	Must(t, err)
	own(t, n.Process)
	return n
}

// NATSCluster starts n nats-servers that can keep a stream on all of them.
func NATSCluster(t testing.TB, n int) *backend.NATSCluster {
	t.Helper()
	return natsCluster(t, backend.NATSOptions{}, n)
}

// LeapingNATSCluster is NATSCluster of servers with a Clock each.
func LeapingNATSCluster(t testing.TB, o backend.NATSOptions, n int) *backend.NATSCluster {
	t.Helper()
	o.Leaping = true
	return natsCluster(t, o, n)
}

func natsCluster(t testing.TB, o backend.NATSOptions, n int) *backend.NATSCluster {
	t.Helper()
	fillNATS(t, &o)
	ctx, cancel := starting(t)
	defer cancel()
	c, err := backend.StartNATSCluster(ctx, o, n)
	Must(t, err)
	for _, node := range c.Nodes {
		own(t, node.Process)
	}
	return c
}

func fillNATS(t testing.TB, o *backend.NATSOptions) {
	t.Helper()
	if o.Bin == "" {
		build := natsBinary
		if o.Leaping {
			build = leapingNATS
		}
		bin, err := build()
		Must(t, err)
		o.Bin = bin
	}
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Name == "" {
		o.Name = "nats"
	}
}

// Redis starts a redis-server. Empty fields of the options are filled in.
func Redis(t testing.TB, o backend.RedisOptions) *backend.Redis {
	t.Helper()
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), "redis")
	}
	if o.Name == "" {
		o.Name = "redis"
	}
	ctx, cancel := starting(t)
	defer cancel()
	r, err := backend.StartRedis(ctx, o)
	Must(t, err)
	own(t, r.Process)
	return r
}

// Replica starts a replica of primary that has caught up; see Redis.Replica.
func Replica(t testing.TB, primary *backend.Redis, via string) *backend.Redis {
	t.Helper()
	ctx, cancel := starting(t)
	defer cancel()
	r, err := primary.Replica(ctx, via)
	Must(t, err)
	own(t, r.Process)
	return r
}
