package e2e_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// A seat is somebody with a terminal, a cluster, and the admin's token.
type seat struct {
	bin      string
	env      []string
	config   string
	issuer   string
	admin    string
	name     string
	password string
}

func newSeat(t *testing.T) *seat {
	t.Helper()
	u := startUp(t, "--json", "--edges", "2")
	line, err := u.out.ReadBytes('\n')
	testenv.Must(t, err)
	var said struct {
		Issuer     string
		AdminToken string `json:"admin_token"`
		Users      []struct{ Username, Password string }
	}
	testenv.Must(t, json.Unmarshal(line, &said))
	s := &seat{
		bin: testenv.BuildBinaries(t, false).Curfew, config: t.TempDir(), issuer: said.Issuer, admin: said.AdminToken,
		name: said.Users[0].Username, password: said.Users[0].Password,
	}
	s.env = []string{"XDG_CONFIG_HOME=" + s.config, "CURFEW_ISSUER_URL=" + s.issuer, "CURFEW_ADMIN_TOKEN=" + s.admin, "TERM=xterm"}
	return s
}

func (s *seat) command(args string) command {
	return command{path: s.bin, args: strings.Fields(args), env: s.env}
}

func (s *seat) sessions(t *testing.T) int {
	t.Helper()
	a, err := send(call{url: s.issuer + "/admin/v1/users/u-1/sessions", bearer: s.admin})
	testenv.Must(t, err)
	return len(decode[sessionList](t, a).Sessions)
}

// TestCommandLine is a person's: prompts, and what is redrawn.
func TestCommandLine(t *testing.T) {
	s := newSeat(t)
	t.Run("login", func(t *testing.T) {
		m := onTerminal(t, s.command("login"))
		m.awaits("User name: ")
		m.types(s.name + "\n")
		m.awaits("Password: ")
		m.types(s.password + "\n")
		m.exits(0)
		if strings.Contains(m.shown(), s.password) {
			t.Errorf("the password is shown: %q", m.shown())
		}
		info, err := os.Stat(filepath.Join(s.config, "curfew", "contexts.yaml"))
		testenv.Must(t, err)
		if info.Mode().Perm() != 0o600 || s.sessions(t) != 1 {
			t.Errorf("mode %v, %d sessions", info.Mode(), s.sessions(t))
		}
	})
	t.Run("interrupted login", func(t *testing.T) {
		m := onTerminal(t, s.command("login --user "+s.name))
		m.awaits("Password: ")
		m.types("\x03")
		m.exits(1)
	})
	t.Run("all, but no", func(t *testing.T) {
		m := onTerminal(t, s.command("revoke all"))
		m.awaits("This ends 1 sessions of everybody")
		m.types("y\n")
		m.exits(1)
		if s.sessions(t) != 1 {
			t.Error("it was done")
		}
	})
	t.Run("edges, redrawn", func(t *testing.T) {
		m := onTerminal(t, s.command("edges --watch --interval 100ms"))
		for range 3 {
			m.awaits("\x1b[H")
			m.awaits("edge-2")
		}
		m.types("\x03")
		m.exits(0)
	})
	t.Run("all", func(t *testing.T) {
		m := onTerminal(t, s.command("revoke all --wait confirmed"))
		m.awaits("Type yes to go on: ")
		m.types("yes\n")
		m.exits(0)
		if s.sessions(t) != 0 {
			t.Error("it was not done")
		}
	})
	t.Run("completion", func(t *testing.T) { completes(t, s) })
}

func completes(t *testing.T, s *seat) {
	for args, want := range map[string]string{
		"__complete revoke ": "device", "__complete revoke user u --wait ": "confirmed", "__complete keys list -o ": "json",
	} {
		c := s.command(args)
		c.args = append(c.args, "")
		if o := execute(t, c).mustExit(t, 0); !strings.Contains(o.stdout, want) {
			t.Errorf("%s: %s", args, o.stdout)
		}
	}
	if o := execute(t, s.command("completion bash")).mustExit(t, 0); !strings.Contains(o.stdout, "curfew") {
		t.Errorf("no script: %s", o.stdout)
	}
}

// missConfirmation: an edge that is stopped is named, and is exit code 3;
// enforced waits until the edge cannot accept, and it does not.
func missConfirmation(t *testing.T, w *ward) {
	edge := w.second(t)
	w.reported(t, "edge-2")
	a := w.do(t, call{url: w.issuer.url + "/admin/v1/sessions", bearer: w.admin, body: `{"user_id":"u-stopped"}`})
	g := decode[grant](t, a)
	testenv.Must(t, edge.Pause())
	w.curfew(t, "revoke user u-stopped --wait confirmed --timeout 300ms").mustExit(t, 3).mustSay(t, "no word from edge-2")
	o := w.curfew(t, "revoke user u-stopped --wait enforced -o json").mustExit(t, 0)
	if !strings.Contains(o.stdout, `"enforced": true`) || !strings.Contains(o.stdout, `"edge-2"`) {
		t.Errorf("it says %s", o.stdout)
	}
	testenv.Must(t, edge.Resume())
	w.do(t, call{url: edge.url + "/v1/whoami", bearer: g.AccessToken}).mustRefuse(t, http.StatusUnauthorized, "token_revoked")
}
