//go:build unix

package testenv_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/backend"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

func TestNATSProcess(t *testing.T) {
	n := testenv.NATSProcess(t, backend.NATSOptions{})
	js := connect(t, n.URL())
	addStream(t, js, 1)
	publish(t, js)

	testenv.Must(t, n.Pause())
	if tryPublish(t, js) == nil {
		t.Fatal("a paused server acknowledged")
	}
	testenv.Must(t, n.Resume())
	publish(t, js)

	before := messages(t, js)
	testenv.Must(t, n.Kill())
	if before == 0 || tryPublish(t, js) == nil {
		t.Fatal("nothing was stored, or a killed server acknowledged")
	}
	testenv.Must(t, n.WipeRestart(t.Context()))
	if _, err := js.Stream(t.Context(), "S"); err == nil {
		t.Fatal("the stream survived a wipe")
	}
}

func TestNATSProcessKeepsItsData(t *testing.T) {
	n := testenv.NATSProcess(t, backend.NATSOptions{})
	js := connect(t, n.URL())
	addStream(t, js, 1)
	publish(t, js)
	testenv.Must(t, n.Kill())
	if err := errors.Join(n.Restart(t.Context()), n.Wipe()); err == nil {
		t.Fatal("wiped a running server")
	}
	if got := messages(t, js); got != 1 {
		t.Fatalf("%d messages after a restart, want 1", got)
	}
}

func TestNATSCluster(t *testing.T) {
	c := testenv.NATSCluster(t, 3)
	js := connect(t, c.URL())
	addStream(t, js, 3)
	publish(t, js)
	leader, err := c.Leader(t.Context(), "S")
	testenv.Must(t, err)
	testenv.Must(t, leader.Kill())
	publish(t, js) // two of three go on
	testenv.Must(t, leader.Wipe())
	testenv.Must(t, leader.Restart(t.Context()))
	testenv.Must(t, c.WaitReady(t.Context()))
	// A node that is still catching up may be the one that answers.
	testenv.Eventually(t, 30*time.Second, func() error {
		if got := messages(t, js); got < 2 {
			return fmt.Errorf("%d messages, want both", got)
		}
		return nil
	})
	testenv.Must(t, c.WipeRestart(t.Context()))
	if _, err := js.Stream(t.Context(), "S"); err == nil {
		t.Fatal("the stream survived a wipe of all nodes")
	}
}

func client(t *testing.T, r *backend.Redis) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(r.URL())
	testenv.Must(t, err)
	o.MaxRetries, o.ContextTimeoutEnabled = -1, true
	c := redis.NewClient(o)
	t.Cleanup(func() { c.Close() })
	return c
}

func get(t *testing.T, c *redis.Client) string {
	t.Helper()
	got, err := c.Get(t.Context(), "k").Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		t.Fatal(err)
	}
	return got
}

func TestRedisKeeps(t *testing.T) {
	for _, keep := range []bool{true, false} {
		t.Run(fmt.Sprintf("appendonly=%v", keep), func(t *testing.T) {
			r := testenv.Redis(t, backend.RedisOptions{AppendOnly: keep, Password: "s3cret word"})
			testenv.Must(t, client(t, r).Set(t.Context(), "k", "v", 0).Err())
			testenv.Must(t, r.Kill())
			testenv.Must(t, r.Restart(t.Context()))
			if got := get(t, client(t, r)); (got == "v") != keep {
				t.Fatalf("got %q after a restart", got)
			}
			testenv.Must(t, r.WipeRestart(t.Context()))
			if got := get(t, client(t, r)); got != "" {
				t.Fatalf("got %q after a wipe", got)
			}
		})
	}
}

func TestRedisPause(t *testing.T) {
	r := testenv.Redis(t, backend.RedisOptions{})
	c := client(t, r)
	testenv.Must(t, c.Set(t.Context(), "k", "v", 0).Err())
	testenv.Must(t, r.Pause())
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.Get(ctx, "k").Err(); err == nil {
		t.Fatal("a paused server answered")
	}
	testenv.Must(t, r.Resume())
	testenv.Must(t, c.Get(t.Context(), "k").Err())
}

// A failover that loses the last write: the replica was cut off before it.
func TestRedisFailover(t *testing.T) {
	primary := testenv.Redis(t, backend.RedisOptions{AppendOnly: true, Password: "pw"})
	link := testenv.Proxy(t, primary.Addr())
	replica := testenv.Replica(t, primary, link.Addr())
	p, r := client(t, primary), client(t, replica)
	testenv.Must(t, p.Set(t.Context(), "k", "old", 0).Err())
	testenv.Eventually(t, 10*time.Second, func() error {
		if got := get(t, r); got != "old" {
			return fmt.Errorf("the replica has %q", got)
		}
		return nil
	})
	if r.Set(t.Context(), "k", "x", 0).Err() == nil {
		t.Fatal("the replica can be written to")
	}
	link.Cut()
	testenv.Must(t, p.Set(t.Context(), "k", "lost", 0).Err())
	testenv.Must(t, primary.Kill())
	testenv.Must(t, replica.Promote(t.Context()))
	if got := get(t, r); got != "old" {
		t.Fatalf("got %q, want what was replicated before the cut", got)
	}
	testenv.Must(t, replica.Kill())
	testenv.Must(t, replica.Restart(t.Context()))
	testenv.Must(t, client(t, replica).Set(t.Context(), "k", "new", 0).Err())
	testenv.Must(t, primary.Restart(t.Context()))
	testenv.Must(t, primary.Follow(t.Context(), replica.Addr()))
	testenv.Must(t, primary.WaitSynced(t.Context()))
	if got := get(t, client(t, primary)); got != "new" {
		t.Fatalf("the old primary has %q, want what the new one has", got)
	}
}

func TestPortTaken(t *testing.T) {
	r := testenv.Redis(t, backend.RedisOptions{})
	var port int
	if _, err := fmt.Sscanf(r.Addr(), "127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	_, err := backend.StartRedis(t.Context(), backend.RedisOptions{Dir: t.TempDir(), Name: "second", Port: port})
	if err == nil || !strings.Contains(err.Error(), "port taken") {
		t.Fatalf("got %v, want that the port is taken", err)
	}
}

func TestNoRedis(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := backend.StartRedis(t.Context(), backend.RedisOptions{Dir: t.TempDir()})
	if !errors.Is(err, backend.ErrNoRedis) || !strings.Contains(err.Error(), "make test") {
		t.Fatalf("got %v", err)
	}
}

func TestProcess(t *testing.T) {
	var p *proc.Process
	t.Run("inner", func(t *testing.T) {
		p = testenv.Process(t, proc.Spec{Name: "sleep", Path: "/bin/sleep", Args: []string{"1000"}})
	})
	if p.Running() {
		t.Fatal("the process outlived its test")
	}
}

func TestBuildBinaries(t *testing.T) {
	bin := testenv.BuildBinaries(t, false)
	for _, path := range []string{bin.Issuer, bin.Edge, bin.Curfew} {
		if info, err := os.Stat(path); err != nil || info.Mode()&0o100 == 0 {
			t.Fatalf("%s: %v, want an executable", path, err)
		}
	}
}
