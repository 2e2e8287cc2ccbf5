//go:build unix

package doors_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/poll"
	"github.com/curfew-auth/curfew/internal/testenv/port"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

// A proxy is one of those in deploy.
type proxy struct {
	name string
	// files of deploy, as users get them; only the addresses are replaced.
	files []string
	// main is written beside them, where the proxy needs something around them.
	main map[string]string
	args []string
	// What the files call the three addresses.
	listen, edge, app string
}

var proxies = []proxy{{
	name: "nginx", files: []string{"nginx/curfew.conf"},
	main: map[string]string{"nginx.conf": `daemon off; master_process off; pid nginx.pid; error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    include curfew.conf;
}
`},
	args:   []string{"-p", ".", "-c", "nginx.conf", "-e", "stderr"},
	listen: "listen 8000;", edge: "127.0.0.1:8081", app: "127.0.0.1:9000",
}, {
	name: "haproxy", files: []string{"haproxy/haproxy.cfg", "haproxy/curfew.lua"},
	args:   []string{"-db", "-f", "haproxy.cfg"},
	listen: "bind :8000", edge: "127.0.0.1:8081", app: "127.0.0.1:9000",
}, {
	name: "caddy", files: []string{"caddy/Caddyfile"},
	// Not part of the site: the test's Caddy keeps to itself.
	main:   map[string]string{"main": "{\n\tadmin off\n}\nimport Caddyfile\n"},
	args:   []string{"run", "--config", "main", "--adapter", "caddyfile"},
	listen: ":8000 {", edge: "localhost:8081", app: "localhost:9000",
}}

// start runs the proxy and returns the address it serves on. A port that was
// free may be taken before the proxy has it: then another is tried.
func (p proxy) start(t *testing.T, w *world) (address string) {
	t.Helper()
	var err error
	for range 3 {
		var n int
		n, err = port.Free()
		testenv.Must(t, err)
		address = port.Loopback(n)
		process := testenv.Process(t, proc.Spec{
			Name: p.name, Path: p.path(t), Args: p.args, Dir: p.dir(t, n, w),
			Env: []string{"HOME=" + t.TempDir(), "XDG_DATA_HOME=", "XDG_CONFIG_HOME="},
		})
		ended := false
		testenv.Eventually(t, patience, func() error {
			if ended = !process.Running(); ended {
				err = fmt.Errorf("%s has ended:\n%s", p.name, process.Log())
				return nil
			}
			a, err := send(address, "GET /ready HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n")
			if err != nil || a.StatusCode == 401 {
				return err
			}
			return poll.Stop(fmt.Errorf("%s: %d without a token", p.name, a.StatusCode))
		})
		if !ended {
			return address
		}
	}
	t.Fatal(err)
	return ""
}

// path looks where packages put the program, too.
func (p proxy) path(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath(p.name); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, p.name)); err == nil {
			return path
		}
	}
	t.Fatalf("no %s on this machine: run scripts/ensure-proxies", p.name)
	return ""
}

// dir has the files of deploy with the addresses of this test.
func (p proxy) dir(t *testing.T, n int, w *world) string {
	t.Helper()
	dir := t.TempDir()
	names := map[string]string{p.listen: strings.Replace(p.listen, "8000", strconv.Itoa(n), 1), p.edge: w.edge.Addr(), p.app: w.app.address}
	found := map[string]bool{}
	for _, file := range p.files {
		data, err := os.ReadFile(filepath.Join("..", file))
		testenv.Must(t, err)
		text := string(data)
		for documented, ours := range names {
			found[documented] = found[documented] || strings.Contains(text, documented)
			text = strings.ReplaceAll(text, documented, ours)
		}
		testenv.Must(t, os.WriteFile(filepath.Join(dir, filepath.Base(file)), []byte(text), 0o600))
	}
	for documented := range names {
		if !found[documented] {
			t.Fatalf("%v do not name %q any more", p.files, documented)
		}
	}
	for name, text := range p.main {
		testenv.Must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}
