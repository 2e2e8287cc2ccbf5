package e2e_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/backend"
	"github.com/curfew-auth/curfew/internal/testenv/port"
)

// newLonely is a setup whose servers do not exist yet. Their ports are
// returned.
func newLonely(t *testing.T) (s *setup, nats, redis int) {
	t.Helper()
	ports, err := port.FreeN(2)
	testenv.Must(t, err)
	s = newSetup(t)
	s.natsHost = port.Loopback(ports[0])
	s.redisURL = "rediss://:" + s.redisPassword + "@" + port.Loopback(ports[1]) + "/0"
	return s, ports[0], ports[1]
}

// TestStartBeforeServers: services wait for what is not there, say so, and go
// on by themselves once it is; a request is under way when they are told to
// end, and is still answered.
func TestStartBeforeServers(t *testing.T) {
	s, nats, redis := newLonely(t)
	api := newGate(t)
	issuer, edge := s.issuer(t, 0), s.edge(t, 0, "CURFEW_UPSTREAM="+api.URL)
	for _, w := range []*service{issuer, edge} {
		testenv.Eventually(t, patience, func() error { return w.probe("/livez", http.StatusOK) })
		testenv.Eventually(t, patience, func() error { return w.says("nats: no server yet, waiting for it") })
		p := s.do(t, call{url: w.url + "/readyz"}).mustRefuse(t, http.StatusServiceUnavailable, "unavailable")
		if p.Detail == "" {
			t.Errorf("%s does not say what it waits for", w.Name())
		}
	}
	checkUseless(t, s, issuer)
	s.healthcheck(t, s.bin.Issuer, issuer, 1)
	s.healthcheck(t, s.bin.Edge, edge, 1)

	s.startNATS(t, nats)
	testenv.Eventually(t, patience, func() error { return errors.Join(issuer.says("nats: connected"), edge.says("nats: connected")) })
	testenv.Eventually(t, patience, func() error { return issuer.says(`"not vouching for the store"`) })
	s.do(t, call{url: issuer.url + "/readyz"}).mustRefuse(t, http.StatusServiceUnavailable, "unavailable")
	checkUseless(t, s, issuer)

	testenv.Redis(t, backend.RedisOptions{Dir: filepath.Join(s.dir, "redis"), Port: redis, Password: s.redisPassword, Certs: certs})
	issuer.awaitReady(t)
	edge.awaitReady(t)
	s.healthcheck(t, s.bin.Issuer, issuer, 0)
	s.healthcheck(t, s.bin.Edge, edge, 0)
	c := &cluster{setup: s, issuers: []*service{issuer}, edges: []*service{edge}}
	g := c.login(t, issuer, "alice")
	c.mustAccept(t, g)

	answered := api.hold(t, call{url: edge.url + "/slow", bearer: g.AccessToken})
	testenv.Must(t, edge.Signal(syscall.SIGTERM))
	testenv.Eventually(t, patience, edge.refusesConnections)
	close(api.open)
	if a := <-answered; a.status != http.StatusOK || string(a.body) != "at last" {
		t.Errorf("the request under way got %d %s", a.status, a.body)
	}
	mustEnd(t, edge.Process, 0)
	testenv.Must(t, issuer.Signal(syscall.SIGTERM))
	mustEnd(t, issuer.Process, 0)
	for _, w := range []*service{issuer, edge} {
		for _, name := range s.secrets.in(w.log(t)) {
			t.Errorf("the log of %s holds %s", w.Name(), name)
		}
	}
}

// checkUseless: an issuer without its servers claims nothing.
func checkUseless(t *testing.T, s *setup, issuer *service) {
	t.Helper()
	body := toJSON(map[string]string{"username": "alice", "password": s.passwords["alice"]})
	s.do(t, call{url: issuer.url + "/v1/login", body: body}).mustRefuse(t, http.StatusServiceUnavailable, "unavailable")
}

// TestEndWhileWaiting: what waits for servers can be stopped.
func TestEndWhileWaiting(t *testing.T) {
	s, _, _ := newLonely(t)
	for _, w := range []*service{s.issuer(t, 0), s.edge(t, 0)} {
		testenv.Eventually(t, patience, func() error { return w.probe("/livez", http.StatusOK) })
		testenv.Must(t, w.Signal(syscall.SIGTERM))
		mustEnd(t, w.Process, 0)
	}
}

func (s *service) says(text string) error {
	if log := s.Log(); !strings.Contains(log, text) {
		return fmt.Errorf("the log of %s does not say %q", s.Name(), text)
	}
	return nil
}

func (s *service) refusesConnections() error {
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(s.url, "https://"), time.Second)
	if err != nil {
		return nil
	}
	conn.Close()
	return fmt.Errorf("%s takes connections", s.Name())
}

func (s *setup) healthcheck(t *testing.T, path string, of *service, code int) {
	t.Helper()
	env := append(s.common(filepath.Base(path)), "CURFEW_LISTEN="+strings.TrimPrefix(of.url, "https://"))
	if path == s.bin.Issuer {
		env = append(env, "CURFEW_KEYS_DIR="+s.keysDir(), "CURFEW_USERS_FILE="+s.usersFile(), "CURFEW_ADMIN_TOKEN_FILE="+s.adminFile())
	}
	alone := []string{"healthcheck", "--tls", "--address", strings.TrimPrefix(of.url, "https://")}
	for _, o := range []outcome{
		execute(t, command{path: path, args: []string{"healthcheck"}, env: env}).mustExit(t, code),
		execute(t, command{path: path, args: alone}).mustExit(t, code), // without any configuration
	} {
		if code != 0 {
			o.mustSay(t, "not ready: 503")
		}
	}
}
