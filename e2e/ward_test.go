package e2e_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/backend"
	"github.com/curfew-auth/curfew/internal/testenv/port"
)

// A ward is a cluster that falls ill, and a doctor for it.
type ward struct {
	*setup
	nats   *backend.NATS
	redis  *backend.Redis
	issuer *service
	first  *service // an edge that tells where it can be reached
}

const wardStaleness = "CURFEW_STALENESS=2s"

func newWard(t *testing.T) *ward {
	t.Helper()
	return newWardOf(t, newSetup(t))
}

func newWardOf(t *testing.T, s *setup) *ward {
	t.Helper()
	w := &ward{setup: s}
	w.nats, w.redis = w.servers(t)
	w.issuer = w.start(t, "issuer-1", w.bin.Issuer, w.ports[0], wardStaleness,
		"CURFEW_KEYS_DIR="+w.keysDir(), "CURFEW_USERS_FILE="+w.usersFile(), "CURFEW_ADMIN_TOKEN_FILE="+w.adminFile())
	w.first = w.edge(t, 0, wardStaleness, "CURFEW_EDGE_URL=https://"+port.Loopback(w.ports[2]))
	w.issuer.awaitReady(t)
	w.first.awaitReady(t)
	return w
}

// second starts another edge, which the doctor is told of, and ends it with
// the part of the test.
func (w *ward) second(t *testing.T, env ...string) *service {
	t.Helper()
	s := w.edge(t, 1, append(env, wardStaleness)...)
	s.awaitReady(t)
	t.Cleanup(func() { stop(t, s) })
	return s
}

// stop lets an edge take its leave of the issuer, which else waits for it.
func stop(t *testing.T, s *service) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	testenv.Must(t, s.Stop(ctx))
}

type finding struct{ Check, Who, Result, Text, Do string }

// curfew runs a command as the admin.
func (w *ward) curfew(t *testing.T, args string) outcome {
	t.Helper()
	return execute(t, command{path: w.bin.Curfew, args: strings.Fields(args), env: []string{
		"XDG_CONFIG_HOME=" + t.TempDir(), "CURFEW_ISSUER_URL=" + w.issuer.url, "CURFEW_ISSUER_CA=" + authority(), "CURFEW_ADMIN_TOKEN_FILE=" + w.adminFile(),
	}})
}

// examine runs the doctor.
func (w *ward) examine(t *testing.T, edges ...*service) (outcome, []finding) {
	t.Helper()
	args := "doctor -o json --timeout 2s --edge " + w.first.url
	for _, e := range edges {
		args += " --edge " + e.url
	}
	o := w.curfew(t, args)
	var out struct {
		Healthy  bool
		Findings []finding
	}
	testenv.Must(t, json.Unmarshal([]byte(o.stdout), &out))
	if out.Healthy != (o.code == 0) || strings.Contains(o.stdout+o.stderr, w.admin) {
		t.Errorf("exit code %d, %s%s", o.code, o.stdout, o.stderr)
	}
	return o, out.Findings
}

// finds checks that the doctor names just this as broken, and what to do.
func (w *ward) finds(t *testing.T, want []string, edges ...*service) []finding {
	t.Helper()
	o, all := w.examine(t, edges...)
	var broken []string
	for _, f := range all {
		if f.Result != "FAILED" {
			continue
		}
		broken = append(broken, f.Check+" "+f.Who)
		if f.Text == "" || f.Do == "" || !strings.Contains(o.stderr, f.Check+" of "+f.Who) {
			t.Errorf("it does not say what and what to do: %+v, %s", f, o.stderr)
		}
	}
	if slices.Sort(broken); !slices.Equal(broken, want) || (o.code == 0) != (len(want) == 0) {
		t.Errorf("broken is %q, want %q, exit code %d\n%s", broken, want, o.code, o.stdout)
	}
	return all
}
