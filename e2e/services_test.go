package e2e_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/curfew-auth/curfew/internal/devcerts"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/backend"
	"github.com/curfew-auth/curfew/internal/testenv/port"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

func (s *setup) issuerURL() string { return "https://" + port.Loopback(s.ports[0]) }

// common holds what a service is told: everything through the
// environment, and the most talkative log, since secrets are looked for there.
// Where nobody balances load, they need not wait for it.
func (s *setup) common(user string) []string {
	return append(devcerts.Settings(certs, user),
		s.natsAt(user, s.natsHost), "CURFEW_NATS_JS_PREFIX="+s.apiPrefix, "CURFEW_REDIS_URL="+s.redisURL, "CURFEW_ISSUER_URL="+s.issuerURL(),
		"CURFEW_STALENESS="+staleness.String(), "CURFEW_LOG_LEVEL=debug", "CURFEW_TRUSTED_ISSUERS="+trustedIssuers(s.providers), "CURFEW_DRAIN_DELAY=0s")
}

// natsAt is the setting of a user, called as the service is, who reaches NATS there.
func (s *setup) natsAt(user, host string) string {
	return "CURFEW_NATS_URL=" + backend.NATSURL(s.layout.Login(user), host)
}

// issuer starts issuer n, from 0. The grace is long, so that a retry on a busy
// machine is still one; lock and throttle are out of the way of wrong passwords.
func (s *setup) issuer(t *testing.T, n int, more ...string) *service {
	t.Helper()
	return s.start(t, fmt.Sprint("issuer-", n+1), s.bin.Issuer, s.ports[n], append([]string{
		"CURFEW_KEYS_DIR=" + s.keysDir(), "CURFEW_USERS_FILE=" + s.usersFile(), "CURFEW_ADMIN_TOKEN_FILE=" + s.adminFile(),
		"CURFEW_REFRESH_GRACE=60s", "CURFEW_LOGIN_LOCK_THRESHOLD=1000", "CURFEW_LOGIN_IP_LIMIT=0",
	}, more...)...)
}

// edge starts edge n, from 0.
func (s *setup) edge(t *testing.T, n int, more ...string) *service {
	t.Helper()
	name := fmt.Sprint("edge-", n+1)
	return s.start(t, name, s.bin.Edge, s.ports[2+n], append(more, "CURFEW_EDGE_ID="+name)...)
}

func (s *setup) start(t *testing.T, name, path string, listen int, env ...string) *service {
	t.Helper()
	log := filepath.Join(s.dir, name+".log")
	p := testenv.Process(t, proc.Spec{
		Name: name, Path: path, LogFile: log,
		Env: append(append(s.common(filepath.Base(path)), env...), "CURFEW_LISTEN="+port.Loopback(listen)),
	})
	return &service{Process: p, url: "https://" + port.Loopback(listen), logFile: log}
}

// mustEnd waits for the end of a process that has been told to.
func mustEnd(t *testing.T, p *proc.Process, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got, err := p.Wait(ctx)
	testenv.Must(t, err)
	if got != code {
		t.Errorf("%s exited with %d, want %d", p.Name(), got, code)
	}
}
