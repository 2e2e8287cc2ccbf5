//go:build unix

package backend

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/devcerts"
	"github.com/curfew-auth/curfew/internal/testenv/port"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

// ErrNoRedis: there is no redis-server to run.
var ErrNoRedis = errors.New("redis-server is not on PATH: run make test, or install redis-server " +
	"(Debian: apt-get install redis-server; macOS: brew install redis)")

// RedisOptions says how to run redis-server.
type RedisOptions struct {
	Dir  string // for configuration, log and data
	Name string // for people
	Port int    // 0: a free one
	// AppendOnly keeps every acknowledged write through a restart. Without
	// it nothing survives one.
	AppendOnly bool
	Password   string // empty: none is asked for
	// ReplicaOf is the address of a primary with the same password, or of a
	// fault proxy before it. Empty: a primary.
	ReplicaOf string
	// Certs is a directory of package devcerts: connections are encrypted, and clients
	// must show a certificate. Empty: plain text.
	Certs string
	// Leaping gives the server, and each replica, a Clock.
	Leaping bool
}

// A Redis is one redis-server process. Kill, Pause, Resume, Stop and the rest
// come from its process.
type Redis struct {
	*proc.Process
	Clock  *Clock // nil without Leaping
	opts   RedisOptions
	addr   string
	secure *tls.Config // of clients; nil: plain text
}

// StartRedis starts a server.
func StartRedis(ctx context.Context, o RedisOptions) (*Redis, error) {
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, ErrNoRedis
	}
	var r *Redis
	err = retryTaken(func() (err error) {
		if r, err = newRedis(bin, o); err != nil {
			return err
		}
		if err = r.await(ctx); err != nil {
			r.Kill()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

func newRedis(bin string, o RedisOptions) (*Redis, error) {
	listen := o.Port
	if listen == 0 {
		var err error
		if listen, err = port.Free(); err != nil {
			return nil, err
		}
	}
	r := &Redis{opts: o, addr: port.Loopback(listen)}
	if err := os.MkdirAll(r.data(), 0o700); err != nil {
		return nil, err
	}
	env, err := r.leaping()
	if err == nil {
		r.secure, err = clientOf(o.Certs)
	}
	if err != nil {
		return nil, err
	}
	r.Process, err = spawn(proc.Spec{
		Name: o.Name, Path: bin, Args: []string{"redis.conf"}, Env: env,
		Dir: o.Dir, LogFile: filepath.Join(o.Dir, "redis.log"),
	}, "redis.conf", redisConfig(o, listen, r.data()))
	return r, err
}

// leaping makes the server's clock, if it is to have one.
func (r *Redis) leaping() (env []string, err error) {
	if !r.opts.Leaping {
		return nil, nil
	}
	lib, err := BuildWrongTime(context.Background())
	if err != nil {
		return nil, err
	}
	if r.Clock, err = NewClock(r.opts.Dir, "redis"); err != nil {
		return nil, err
	}
	return append(preload(lib), r.Clock.Env()), nil
}

// redisConfig: fsync at every write when anything is kept at all, and
// replication that starts and notices a dead link at once.
func redisConfig(o RedisOptions, listen int, data string) string {
	var b strings.Builder
	if o.Certs != "" {
		fmt.Fprintf(&b, "tls-port %d\ntls-cert-file %q\ntls-key-file %q\ntls-ca-cert-file %q\ntls-auth-clients yes\ntls-replication yes\n",
			listen, devcerts.Cert(o.Certs, "redis"), devcerts.Key(o.Certs, "redis"), devcerts.Cert(o.Certs, devcerts.Authority))
		listen = 0 // no port for plain text
	}
	fmt.Fprintf(&b, "bind 127.0.0.1\nport %d\ndir %q\nsave \"\"\nappendfsync always\n", listen, data)
	fmt.Fprintf(&b, "repl-diskless-sync yes\nrepl-diskless-sync-delay 0\nrepl-ping-replica-period 1\nrepl-timeout 10\n")
	if o.AppendOnly {
		fmt.Fprintf(&b, "appendonly yes\n")
	}
	if o.Password != "" {
		fmt.Fprintf(&b, "requirepass %q\nmasterauth %q\n", o.Password, o.Password)
	}
	if host, port, err := net.SplitHostPort(o.ReplicaOf); err == nil {
		fmt.Fprintf(&b, "replicaof %s %s\n", host, port)
	}
	return b.String()
}

// Addr is host:port.
func (r *Redis) Addr() string { return r.addr }

// URL is for clients and carries the password.
func (r *Redis) URL() string { return r.URLVia(r.addr) }

// URLVia is URL with another address, that of a fault proxy.
func (r *Redis) URLVia(addr string) string {
	scheme := "redis"
	if r.secure != nil {
		scheme = "rediss"
	}
	u := url.URL{Scheme: scheme, Host: addr, Path: "/0"}
	if r.opts.Password != "" {
		u.User = url.UserPassword("", r.opts.Password)
	}
	return u.String()
}

// Restart starts the server again on the same port, with what it had stored
// if it is AppendOnly.
func (r *Redis) Restart(ctx context.Context) error {
	if err := r.Process.Restart(); err != nil {
		return err
	}
	return r.await(ctx)
}

// WipeRestart kills the server and starts it again without data.
func (r *Redis) WipeRestart(ctx context.Context) error {
	if err := r.Kill(); err != nil {
		return err
	}
	if err := errors.Join(wipe(r.Process, r.data()), os.Mkdir(r.data(), 0o700)); err != nil {
		return err
	}
	return r.Restart(ctx)
}

func (r *Redis) data() string { return filepath.Join(r.opts.Dir, "data") }

func (r *Redis) await(ctx context.Context) error { return awaitReady(ctx, r.Process, r.ready) }

// ready asks whether this very process answers, and not another that took its
// port. A server that is still loading answers with an error.
func (r *Redis) ready(ctx context.Context) error {
	return r.talk(ctx, func(ctx context.Context, c *redis.Client) error {
		if err := c.Ping(ctx).Err(); err != nil {
			return err
		}
		info, err := c.Info(ctx, "server").Result()
		if err == nil && !strings.Contains(info, fmt.Sprintf("process_id:%d\r\n", r.Pid())) {
			return fmt.Errorf("%w: another redis-server is there", errPortTaken)
		}
		return err
	})
}

// talk connects for one short conversation. It knocks first, because the
// client writes a line to standard error for every refusal.
func (r *Redis) talk(ctx context.Context, talk func(context.Context, *redis.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	knock, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.addr)
	if err != nil {
		return err
	}
	knock.Close()
	c := redis.NewClient(&redis.Options{
		Addr: r.addr, Password: r.opts.Password, MaxRetries: -1, ContextTimeoutEnabled: true,
		Protocol: 2, DisableIdentity: true, DialerRetries: 1, TLSConfig: r.secure,
	})
	defer c.Close()
	return talk(ctx, c)
}
