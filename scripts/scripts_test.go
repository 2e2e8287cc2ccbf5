//go:build unix

// Package scripts holds no code but the test of the shell scripts beside it.
package scripts

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A machine is a PATH with nothing on it but what the scripts may rely on and
// what a test puts there.
type machine struct {
	t    *testing.T
	path string
}

func newMachine(t *testing.T) machine {
	t.Helper()
	m := machine{t: t, path: t.TempDir()}
	for _, tool := range []string{"sh", "sed", "cut", "dirname", "env", "cat", "chmod", "rm"} {
		real, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(real, filepath.Join(m.path, tool)); err != nil {
			t.Fatal(err)
		}
	}
	m.tool("id", "echo 0")
	return m
}

// tool puts a shell script on the PATH.
func (m machine) tool(name, script string) {
	m.t.Helper()
	file := filepath.Join(m.path, name)
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		m.t.Fatal(err)
	}
}

// installer puts a package tool on the PATH that makes a program appear when
// it is asked for the package. What it is asked goes to calls.
func (m machine) installer(name, pkg, program, script string) {
	m.tool(name, `echo "`+name+` $*" >> "`+m.path+`/calls"
case "$*" in *install*`+pkg+`*|add*`+pkg+`*) printf '#!/bin/sh\n%s\n' '`+script+`' > "`+m.path+`/`+program+`"; chmod 700 "`+m.path+`/`+program+`" ;; esac`)
}

func (m machine) run(script string) (string, error) {
	cmd := exec.Command("/bin/sh", script)
	cmd.Env = []string{"PATH=" + m.path, "HOME=" + m.path, "SBIN=", "POLICY=" + m.policy()}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (m machine) policy() string { return filepath.Join(m.path, "policy-rc.d") }

func (m machine) calls() string {
	calls, _ := os.ReadFile(filepath.Join(m.path, "calls"))
	return string(calls)
}

func redis(version string) string { return `echo "Redis server v=` + version + ` sha=0:0 bits=64"` }

func TestEnsureRedisFindsIt(t *testing.T) {
	for _, version := range []string{"7.0.0", "7.0.15", "10.1.0"} {
		m := newMachine(t)
		m.tool("redis-server", redis(version))
		m.installer("apt-get", "redis", "redis-server", redis("7.0.15"))
		if out, err := m.run("ensure-redis"); err != nil || out != "" || m.calls() != "" {
			t.Errorf("%s: %v %q, installed with %q", version, err, out, m.calls())
		}
	}
}

func TestEnsureRedisInstallsIt(t *testing.T) {
	for _, tool := range []string{"apt-get", "apk", "dnf", "brew"} {
		for _, old := range []string{"", "5.0.3", "6.2.16"} {
			m := newMachine(t)
			if old != "" {
				m.tool("redis-server", redis(old))
			}
			m.installer(tool, "redis", "redis-server", redis("7.0.15"))
			if out, err := m.run("ensure-redis"); err != nil || !strings.Contains(m.calls(), tool) {
				t.Errorf("%s over %q: %v %s", tool, old, err, out)
			}
		}
	}
}

func TestEnsureRedisUsesSudoOnlyWithoutPassword(t *testing.T) {
	m := newMachine(t)
	m.tool("id", "echo 1000")
	m.installer("apt-get", "redis", "redis-server", redis("7.0.15"))
	if out, err := m.run("ensure-redis"); err == nil || m.calls() != "" {
		t.Errorf("without sudo: %v %s, calls %q", err, out, m.calls())
	}
	m.tool("sudo", "exit 1")
	if out, err := m.run("ensure-redis"); err == nil || m.calls() != "" {
		t.Errorf("with a sudo that asks: %v %s, calls %q", err, out, m.calls())
	}
	m.tool("sudo", `[ "$1" = -n ] || exit 1; shift; exec "$@"`)
	m.tool("true", "exit 0")
	if out, err := m.run("ensure-redis"); err != nil {
		t.Errorf("with a free sudo: %v %s", err, out)
	}
}

func TestEnsureRedisSaysWhatToDo(t *testing.T) {
	for name, prepare := range map[string]func(machine){
		"no package tool":   func(machine) {},
		"no such package":   func(m machine) { m.tool("apt-get", "exit 100") },
		"too old a package": func(m machine) { m.installer("apt-get", "redis", "redis-server", redis("5.0.3")) },
	} {
		m := newMachine(t)
		prepare(m)
		out, err := m.run("ensure-redis")
		if err == nil || !strings.Contains(out, "apt-get install redis-server") {
			t.Errorf("%s: %v %s", name, err, out)
		}
	}
}

func TestEnsureCC(t *testing.T) {
	m := newMachine(t)
	m.tool("go", "echo gcc -m64")
	if out, err := m.run("ensure-cc"); err == nil || !strings.Contains(out, "race detector") {
		t.Errorf("without a compiler: %v %s", err, out)
	}
	m.installer("apt-get", "gcc", "gcc", "exit 0")
	if out, err := m.run("ensure-cc"); err != nil {
		t.Errorf("with one in the packages: %v %s", err, out)
	}
	if out, err := m.run("ensure-cc"); err != nil || out != "" {
		t.Errorf("with one there: %v %s", err, out)
	}
}

func TestEnsureChromium(t *testing.T) {
	m := newMachine(t)
	m.tool("chromium-browser", "exit 1") // as Ubuntu's, which wants a snap
	if out, err := m.run("ensure-chromium"); err == nil || !strings.Contains(out, "apt-get install chromium") {
		t.Errorf("without one: %v %s", err, out)
	}
	m.installer("apt-get", "chromium", "chromium-headless-shell", "echo Chromium 150")
	if out, err := m.run("ensure-chromium"); err != nil || !strings.Contains(m.calls(), "apt-get install") {
		t.Errorf("with one in the packages: %v %s", err, out)
	}
	if out, err := m.run("ensure-chromium"); err != nil || out != "" {
		t.Errorf("with one there: %v %s", err, out)
	}
}

// Debian's packages start the services that they bring, unless a policy
// forbids it: then no web server comes up on a developer's machine.
func TestEnsureProxies(t *testing.T) {
	m := newMachine(t)
	if out, err := m.run("ensure-proxies"); err == nil || !strings.Contains(out, "need nginx haproxy caddy") {
		t.Errorf("without packages: %v %s", err, out)
	}
	m.tool("haproxy", "exit 0")
	m.tool("apt-get", `echo "apt-get $*" >> "`+m.path+`/calls"
case "$*" in *install*nginx*caddy*) for name in nginx caddy; do printf '#!/bin/sh\n' > "`+m.path+`/$name"; chmod 700 "`+m.path+`/$name"; done ;; esac`)
	if out, err := m.run("ensure-proxies"); err != nil || strings.Contains(m.calls(), "haproxy") {
		t.Errorf("with packages: %v %s, calls %q", err, out, m.calls())
	}
	if out, err := m.run("ensure-proxies"); err != nil || out != "" {
		t.Errorf("with all of them: %v %s", err, out)
	}
}

func TestPackagesStartNoServices(t *testing.T) {
	for name, end := range map[string]string{"ends well": "exit 0", "fails": "exit 1", "is interrupted": "kill -INT $PPID"} {
		m := newMachine(t)
		m.tool("apt-get", `[ "$1" = install ] || exit 0; "$POLICY"; echo "$?" >> "`+m.path+`/calls"; `+end)
		out, _ := m.run("ensure-proxies")
		if !strings.Contains(m.calls(), "101") {
			t.Errorf("when it %s: services were allowed: %q %s", name, m.calls(), out)
		}
		if _, err := os.Stat(m.policy()); err == nil {
			t.Errorf("when it %s: the policy is left behind", name)
		}
	}
	m := newMachine(t)
	m.tool("policy-rc.d", "exit 7")
	m.tool("apt-get", `[ "$1" = install ] || exit 0; "$POLICY"; echo "$?" >> "`+m.path+`/calls"`)
	_, _ = m.run("ensure-proxies")
	if _, err := os.Stat(m.policy()); err != nil || !strings.Contains(m.calls(), "7") {
		t.Errorf("the administrator's policy is gone: %v %q", err, m.calls())
	}
}

func TestEnsurePromtool(t *testing.T) {
	m := newMachine(t)
	if out, err := m.run("ensure-promtool"); err == nil || !strings.Contains(out, "apt-get install prometheus") {
		t.Errorf("without one: %v %s", err, out)
	}
	m.installer("dnf", "prometheus", "promtool", "echo promtool")
	if out, err := m.run("ensure-promtool"); err != nil || !strings.Contains(m.calls(), "dnf install") {
		t.Errorf("with one in the packages: %v %s", err, out)
	}
	if out, err := m.run("ensure-promtool"); err != nil || out != "" {
		t.Errorf("with one there: %v %s", err, out)
	}
}

// On Debian nothing is installed: promtool is taken out of the package.
func TestEnsurePromtoolUnpacks(t *testing.T) {
	m := newMachine(t)
	for _, tool := range []string{"mkdir", "mv"} {
		real, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(real, filepath.Join(m.path, tool)); err != nil {
			t.Fatal(err)
		}
	}
	m.tool("apt-get", `echo "apt-get $*" >> "`+m.path+`/calls"; : > prometheus_1_amd64.deb`)
	m.tool("dpkg-deb", "exit 0")
	m.tool("tar", `printf '#!/bin/sh\necho promtool\n'`)
	for round, want := range []string{"apt-get download prometheus\n", "apt-get download prometheus\n"} {
		if out, err := m.run("ensure-promtool"); err != nil || m.calls() != want {
			t.Errorf("round %d: %v %s, calls %q", round, err, out, m.calls())
		}
	}
}
