package deploy_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/config"
)

// A unit is a unit file: section and key to values.
type unit map[string][]string

func parseUnit(t *testing.T, text string) unit {
	t.Helper()
	u, section := unit{}, ""
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		switch key, value, ok := strings.Cut(line, "="); {
		case line == "" || line[0] == '#':
		case line[0] == '[' && strings.HasSuffix(line, "]"):
			section = line[1 : len(line)-1]
		case !ok || section == "" || key != strings.TrimSpace(key):
			t.Errorf("not a line of a unit: %q", line)
		default:
			u[section+"."+key] = append(u[section+"."+key], value)
		}
	}
	return u
}

// hardened is what a service that only talks over the network can do without.
var hardened = map[string]string{
	"DynamicUser": "yes", "NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "ProtectSystem": "strict", "ProtectHome": "yes",
	"PrivateDevices": "yes", "PrivateTmp": "yes", "PrivateUsers": "yes", "ProtectKernelTunables": "yes", "ProtectControlGroups": "yes",
	"RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX", "RestrictNamespaces": "yes", "MemoryDenyWriteExecute": "yes",
	"SystemCallArchitectures": "native", "UMask": "0077",
}

func TestUnits(t *testing.T) {
	for name, cfg := range map[string]any{"issuer": &config.Issuer{}, "edge": &config.Edge{}} {
		file := "systemd/curfew-" + name + ".service"
		u := parseUnit(t, read(t, file))
		for key, want := range hardened {
			if got := u["Service."+key]; !slices.Equal(got, []string{want}) {
				t.Errorf("%s: %s is %q, want %q", file, key, got, want)
			}
		}
		if want := "/usr/local/bin/" + name + " --config /etc/curfew/" + name + ".yaml"; !slices.Equal(u["Service.ExecStart"], []string{want}) {
			t.Errorf("%s starts %q", file, u["Service.ExecStart"])
		}
		if limit, err := time.ParseDuration(u["Service.TimeoutStopSec"][0]); err != nil || limit < 15*time.Second {
			t.Errorf("%s: a drain takes longer than %v", file, limit)
		}
		loads(t, file, cfg, unitEnv(t, file, u))
		verifyUnit(t, file)
	}
}

// unitEnv is the service's environment, with files that stand for the
// credentials that systemd would hand over.
func unitEnv(t *testing.T, file string, u unit) (env []string) {
	t.Helper()
	dir := t.TempDir()
	content := map[string]string{
		"admin_token": strings.Repeat("a", 32), "nats_url": "nats://user:secret@host:4222", "redis_url": "redis://:secret@host/0", "users.yaml": "users: []",
	}
	for _, credential := range u["Service.LoadCredential"] {
		name, source, _ := strings.Cut(credential, ":")
		if content[name] == "" || !strings.HasPrefix(source, "/etc/curfew/secrets/") {
			t.Errorf("%s: credential %q", file, credential)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content[name]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	state := filepath.Join(dir, "state")
	for _, name := range u["Service.StateDirectory"] {
		if err := os.MkdirAll(filepath.Join(state, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, kv := range u["Service.Environment"] {
		env = append(env, strings.NewReplacer("%d", dir, "%S", state).Replace(kv))
	}
	return env
}

// verifyUnit has systemd read the unit, where there is one; a program that is
// not installed is its only complaint that does not count.
func verifyUnit(t *testing.T, file string) {
	t.Helper()
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Logf("%s: no systemd-analyze here, so only parsed", file)
		return
	}
	copied := filepath.Join(t.TempDir(), filepath.Base(file))
	text := strings.ReplaceAll(read(t, file), "/usr/local/bin/", "/bin/true ")
	if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), tool, "verify", "--man=no", copied).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%s: %v %s", file, err, out)
	}
}
