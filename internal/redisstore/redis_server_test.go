package redisstore_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/testenv/port"
)

// A redisServer is a real redis-server process with a directory of its own.
type redisServer struct {
	addr string
	args []string
	cmd  *exec.Cmd
}

func startRedis(t *testing.T, extra ...string) *redisServer {
	t.Helper()
	listen, err := port.Free()
	check(t, err)
	s := &redisServer{addr: port.Loopback(listen)}
	s.args = append([]string{"--bind", "127.0.0.1", "--port", strconv.Itoa(listen), "--dir", t.TempDir(), "--save", "",
		"--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0"}, extra...)
	s.start(t)
	t.Cleanup(func() { s.kill() })
	return s
}

func (s *redisServer) start(t *testing.T) {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("redis-server is not on PATH: run make test, which installs it")
	}
	s.cmd = exec.Command(binary, s.args...)
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	rdb := s.open(t)
	waitFor(t, "redis-server answers", func() bool { return rdb.Ping(t.Context()).Err() == nil })
}

func (s *redisServer) kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

func (s *redisServer) open(t *testing.T) redis.UniversalClient {
	t.Helper()
	rdb, err := redisstore.Open(fmt.Sprintf("redis://%s/0", s.addr), redisstore.Options{Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rdb.Close() })
	return rdb
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
