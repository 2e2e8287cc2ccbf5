package e2e_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/deploy/nats"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/backend"
	"github.com/curfew-auth/curfew/internal/testenv/poll"
	"github.com/curfew-auth/curfew/internal/testenv/port"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

const (
	staleness = 5 * time.Second // the bound B, as configured
	// patience is for what has no bound of its own on a busy machine.
	patience = 60 * time.Second
)

// A service is one process of ours.
type service struct {
	*proc.Process
	url, logFile string
}

// A cluster is what TestCluster looks at. Edge 3 has an upstream; edges 2 and 3
// renew cookies, at different issuers.
type cluster struct {
	*setup
	nats     *backend.NATS
	redis    *backend.Redis
	issuers  []*service
	edges    []*service
	upstream *upstream
}

func startCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{setup: newSetup(t), upstream: newUpstream(t)}
	c.providers = []*provider{newProvider(t), newProvider(t)}
	c.startServers(t)
	for n := range 2 {
		c.issuers = append(c.issuers, c.issuer(t, n))
	}
	for n := range 3 {
		more := [][]string{
			nil,
			{"CURFEW_RENEW=true", "CURFEW_RENEW_URL=" + c.issuers[1].url + "/v1/refresh"},
			{"CURFEW_RENEW=true", "CURFEW_RENEW_HEADER=true", "CURFEW_UPSTREAM=" + c.upstream.URL, "CURFEW_UPSTREAM_MAX_BODY=8388608",
				"CURFEW_OPS_LISTEN=" + port.Loopback(c.ports[4])}, // all on one listener
		}[n]
		c.edges = append(c.edges, c.edge(t, n, more...))
	}
	for _, s := range c.services() {
		s.awaitReady(t)
	}
	return c
}

func (c *cluster) startServers(t *testing.T) {
	t.Helper()
	c.nats, c.redis = c.servers(t)
}

func (c *cluster) services() []*service {
	return append(append([]*service{}, c.issuers...), c.edges...)
}

// awaitReady waits until the service says that it is ready.
func (s *service) awaitReady(t *testing.T) {
	t.Helper()
	testenv.Eventually(t, patience, func() error {
		if !s.Running() {
			return poll.Stop(fmt.Errorf("%s has ended", s.Name()))
		}
		return s.probe("/readyz", http.StatusOK)
	})
}

func (s *service) probe(path string, want int) error {
	a, err := send(call{url: s.url + path})
	if err == nil && a.status != want {
		err = fmt.Errorf("%s%s: %d %s, want %d", s.Name(), path, a.status, a.body, want)
	}
	return err
}

// log is everything the process has written, all its lives.
func (s *service) log(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(s.logFile)
	testenv.Must(t, err)
	return string(text)
}

// A setup is what services need of their operator.
type setup struct {
	bin                  testenv.Bin
	dir                  string
	ports                []int // two issuers', then three edges'
	natsHost, redisURL   string
	layout               nats.Trial // who may do what on NATS
	apiPrefix            string     // of JetStream's API
	admin, redisPassword string
	passwords            map[string]string // by username
	secrets              *secrets
	providers            []*provider // whom issuers and edges trust
}

func newSetup(t *testing.T) *setup {
	t.Helper()
	ports, err := port.FreeN(5)
	testenv.Must(t, err)
	s := &setup{
		bin: testenv.BuildBinaries(t, false), dir: t.TempDir(), ports: ports, admin: rand.Text(), redisPassword: rand.Text(),
		passwords: map[string]string{"alice": rand.Text(), "bob": rand.Text(), "carol": rand.Text()},
		secrets:   &secrets{}, layout: nats.NewTrial("local"), apiPrefix: nats.JSPrefix,
	}
	for _, user := range nats.Users {
		_, password, _ := strings.Cut(s.layout.Login(user), ":")
		s.secrets.remember("the NATS password of "+user, password)
	}
	s.secrets.remember("the admin token", s.admin)
	s.secrets.remember("the Redis password", s.redisPassword)
	s.writeUsers(t)
	testenv.Must(t, errors.Join(os.Mkdir(s.keysDir(), 0o700), os.WriteFile(s.adminFile(), []byte(s.admin+"\n"), 0o600)))
	return s
}

// servers starts NATS and Redis.
func (s *setup) servers(t *testing.T) (*backend.NATS, *backend.Redis) {
	t.Helper()
	log := s.startNATS(t, 0)
	redis := testenv.Redis(t, backend.RedisOptions{Dir: filepath.Join(s.dir, "redis"), AppendOnly: true, Password: s.redisPassword, Certs: certs})
	s.natsHost, s.redisURL = log.Host(), redis.URL()
	return log, redis
}

func (s *setup) startNATS(t *testing.T, port int) *backend.NATS {
	t.Helper()
	return testenv.NATSProcess(t, backend.NATSOptions{
		Dir: filepath.Join(s.dir, "nats"), Port: port, Config: s.layout.Config, Env: s.layout.Env, Certs: certs, Login: s.layout.Login(nats.Keeper),
	})
}

func (s *setup) keysDir() string   { return filepath.Join(s.dir, "keys") }
func (s *setup) usersFile() string { return filepath.Join(s.dir, "users.yaml") }
func (s *setup) adminFile() string { return filepath.Join(s.dir, "admin-token") }

// writeUsers makes the hashes as an operator would. Carol has a tenant.
func (s *setup) writeUsers(t *testing.T) {
	t.Helper()
	var b strings.Builder
	b.WriteString("users:\n")
	for name, password := range s.passwords {
		tenant := ""
		if name == "carol" {
			tenant = "acme"
		}
		b.WriteString(s.userLine(t, name, tenant, password))
	}
	testenv.Must(t, os.WriteFile(s.usersFile(), []byte(b.String()), 0o600))
}

func (s *setup) userLine(t *testing.T, name, tenant, password string) string {
	t.Helper()
	s.secrets.remember(name+"'s password", password)
	hash := execute(t, command{path: s.bin.Curfew, args: []string{"hash-password"}, stdin: password + "\n"}).mustExit(t, 0).stdout
	line := fmt.Sprintf("  - {username: %s, password_hash: '%s', user_id: id-%[1]s, roles: [user, %[1]s-role]", name, strings.TrimSpace(hash))
	if tenant != "" {
		line += ", tenant: " + tenant
	}
	return line + "}\n"
}
