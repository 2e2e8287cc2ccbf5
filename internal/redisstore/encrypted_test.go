package redisstore_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/devcerts"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/backend"
	"github.com/curfew-auth/curfew/internal/testenv/port"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
	"github.com/curfew-auth/curfew/internal/tlsfiles"
)

func newCerts(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "certs")
	check(t, devcerts.Make(dir, nil))
	return dir
}

func verifying(t *testing.T, f tlsfiles.Files) *tls.Config {
	t.Helper()
	c, err := tlsfiles.Peer{Files: f}.Config(slog.New(slog.DiscardHandler))
	check(t, err)
	return c
}

// reach returns nil if the server answers a client.
func reach(t *testing.T, url string, c *tls.Config) error {
	t.Helper()
	rdb, err := redisstore.Open(url, redisstore.Options{Timeout: 5 * time.Second, TLS: c})
	if err != nil {
		return err
	}
	defer rdb.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return rdb.Set(ctx, "k", "v", 0).Err()
}

func TestMutualTLS(t *testing.T) {
	own, other := newCerts(t), newCerts(t)
	r := testenv.Redis(t, backend.RedisOptions{Certs: own, Password: secret})
	ca := devcerts.Cert(own, devcerts.Authority)
	us := tlsfiles.Files{CA: ca, Cert: devcerts.Cert(own, "edge"), Key: devcerts.Key(own, "edge")}
	check(t, reach(t, r.URL(), verifying(t, us)))
	for name, c := range map[string]*tls.Config{
		"without a certificate": verifying(t, tlsfiles.Files{CA: ca}),
		"another's certificate": verifying(t, tlsfiles.Files{CA: ca, Cert: devcerts.Cert(other, "edge"), Key: devcerts.Key(other, "edge")}),
		"another authority":     verifying(t, tlsfiles.Files{CA: devcerts.Cert(other, devcerts.Authority), Cert: us.Cert, Key: us.Key}),
		"the system's":          nil,
	} {
		if err := reach(t, r.URL(), c); err == nil {
			t.Errorf("%s: connected", name)
		}
	}
}

// What makes a connection less safe than its settings say is refused.
func TestUnsafeURLs(t *testing.T) {
	c := verifying(t, tlsfiles.Files{CA: devcerts.Cert(newCerts(t), devcerts.Authority)})
	for _, u := range []struct {
		url string
		tls *tls.Config
	}{
		{"rediss://h:1?skip_verify=true", nil}, {"rediss://h:1?skip_verify=true", c}, {"rediss://h:1?skip_verify=false", nil},
		{"rediss://h:1?addr=h:2&skip_verify=true", nil}, {"rediss://h:1?master_name=m&skip_verify=1", nil},
		{"redis://h:1", c}, {"redis://h:1?addr=h:2", c}, {"unix:///run/redis.sock", c},
	} {
		if rdb, err := redisstore.Open(u.url, redisstore.Options{TLS: u.tls}); err == nil {
			t.Errorf("%s was taken", u.url)
			rdb.Close()
		}
	}
	named, err := redisstore.Open("rediss://h:1?skip_verify=true", redisstore.Options{TLS: &tls.Config{InsecureSkipVerify: true}})
	check(t, err)
	named.Close()
}

// The user and password of the URL are Redis' own, behind Sentinels too.
func TestSentinelPasswords(t *testing.T) {
	const sentinelSecret = "another-secret"
	certs := newCerts(t)
	for name, encrypted := range map[string]bool{"plain": false, "encrypted": true} {
		t.Run(name, func(t *testing.T) {
			dir := ""
			if encrypted {
				dir = certs
			}
			r := testenv.Redis(t, backend.RedisOptions{Password: secret, Certs: dir})
			open, locked := startSentinel(t, r, dir, ""), startSentinel(t, r, dir, sentinelSecret)
			scheme := "redis"
			var c *tls.Config
			if encrypted {
				scheme = "rediss"
				c = verifying(t, tlsfiles.Files{CA: devcerts.Cert(dir, devcerts.Authority), Cert: devcerts.Cert(dir, "issuer"), Key: devcerts.Key(dir, "issuer")})
			}
			for url, good := range map[string]bool{
				":" + secret + "@" + open + "?master_name=m":                                                true,
				":wrong@" + open + "?master_name=m":                                                         false,
				":" + secret + "@" + locked + "?master_name=m&sentinel_password=" + sentinelSecret:          true,
				":" + secret + "@" + locked + "?master_name=m":                                              false,
				":" + sentinelSecret + "@" + locked + "?master_name=m&password=" + secret:                   true, // as the library has it
				":" + secret + "@" + open + "?master_name=m&addr=" + open + "&addr=" + port.Loopback(1):     true,
				":" + secret + "@" + port.Loopback(1) + "?master_name=m&addr=" + open:                       true,
				":" + secret + "@" + port.Loopback(1) + "?master_name=m":                                    false,
				":" + secret + "@" + locked + "?master_name=m&sentinel_password=wrong-" + sentinelSecret:    false,
				":" + secret + "@" + open + "?master_name=another":                                          false,
				":" + secret + "@" + locked + "?master_name=m&sentinel_username=x&sentinel_password=y&db=0": false,
			} {
				err := reach(t, scheme+"://"+url, c)
				if (err == nil) != good || err != nil && strings.Contains(err.Error(), secret) {
					t.Errorf("%s: %v", url, err)
				}
			}
		})
	}
}

// startSentinel starts a Sentinel that watches one server, and returns its address.
func startSentinel(t *testing.T, r *backend.Redis, certs, password string) string {
	t.Helper()
	listen, err := port.Free()
	check(t, err)
	dir := t.TempDir()
	host, master, _ := strings.Cut(r.Addr(), ":")
	conf := fmt.Sprintf("bind 127.0.0.1\nport %d\n", listen)
	if certs != "" {
		conf = fmt.Sprintf("bind 127.0.0.1\nport 0\ntls-port %d\ntls-replication yes\ntls-cert-file %q\ntls-key-file %q\ntls-ca-cert-file %q\n",
			listen, devcerts.Cert(certs, "redis"), devcerts.Key(certs, "redis"), devcerts.Cert(certs, devcerts.Authority))
	}
	conf += fmt.Sprintf("sentinel monitor m %s %s 1\nsentinel auth-pass m %s\n", host, master, secret)
	if password != "" {
		conf += fmt.Sprintf("requirepass %q\n", password)
	}
	check(t, os.WriteFile(filepath.Join(dir, "sentinel.conf"), []byte(conf), 0o600))
	testenv.Process(t, proc.Spec{
		Name: "sentinel", Path: "redis-server", Args: []string{"sentinel.conf", "--sentinel"}, Dir: dir, LogFile: filepath.Join(dir, "sentinel.log"),
	})
	addr := port.Loopback(listen)
	testenv.Eventually(t, time.Minute, func() error {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err
	})
	return addr
}
