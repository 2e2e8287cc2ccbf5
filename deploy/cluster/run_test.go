package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/devcerts"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/ceiling"
)

// fakes builds stand-ins for the services: this test is about the starter.
func fakes(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "issuer"), "./testdata/fake").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	testenv.Must(t, os.Link(filepath.Join(dir, "issuer"), filepath.Join(dir, "edge")))
	return dir
}

// up runs a cluster of fakes and returns what it printed once it was ready.
func up(t *testing.T, encrypted bool) (text string, cancel func(), ended <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var out testenv.Lines
	result := make(chan error, 1)
	var wg sync.WaitGroup
	bin := fakes(t)
	ceiling.Of(t, readyWithin+4*stopWithin+time.Minute)
	o := options{bin: bin, issuers: "0,0", edges: "0,0,0", encrypted: encrypted}
	wg.Go(func() { result <- run(ctx, o, &out) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	testenv.Eventually(t, readyWithin, func() error {
		if len(result) > 0 {
			t.Fatal(<-result)
		}
		if !strings.Contains(out.String(), "/v1/logout") {
			return fmt.Errorf("printed %q", out.String())
		}
		return nil
	})
	return out.String(), cancel, result
}

func wait(t *testing.T, ended <-chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(2 * stopWithin):
		t.Fatal("does not stop")
		return nil
	}
}

func find(t *testing.T, text, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no %s in:\n%s", pattern, text)
	}
	return m[1]
}

func TestUpAndDown(t *testing.T) {
	text, cancel, ended := up(t, false)
	dir := find(t, text, `logs +(\S+)`)
	find(t, text, `edge-1 .* process (\d+)\n`)
	find(t, text, `export (CURFEW_ISSUER_URL=http://\S+ CURFEW_ADMIN_TOKEN=\S+)\n`)
	find(t, text, `export (CURFEW_NATS_URL=nats://edge:\S+@\S+ CURFEW_NATS_JS_PREFIX=JS\.API CURFEW_REDIS_URL=redis://:\S+@\S+)\n`)
	for _, name := range []string{"issuer-1", "issuer-2", "edge-1", "edge-2", "edge-3"} {
		resp, err := http.Get(find(t, text, name+` +(\S+)`) + "/readyz")
		testenv.Must(t, err)
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		log, err := os.ReadFile(filepath.Join(dir, name+".log"))
		testenv.Must(t, err)
		checkEnv(t, name, string(log), find(t, text, `issuer-1 +(\S+)`))
	}
	if log, _ := os.ReadFile(filepath.Join(dir, "issuer-1.log")); strings.Contains(string(log), find(t, text, `admin token +(\S+)`)) {
		t.Error("the admin token is in the environment")
	}
	cancel()
	testenv.Must(t, wait(t, ended))
	for _, pattern := range []string{`issuer-1 +http://(\S+)`, `nats +(\S+)`, `redis +(\S+)`} {
		if c, err := net.Dial("tcp", find(t, text, pattern)); err == nil {
			c.Close()
			t.Errorf("%s is still there", pattern)
		}
	}
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("%s was left behind", dir)
	}
}

// Each service gets the files that devcerts made, under the settings of the services.
func TestEncrypted(t *testing.T) {
	text, _, _ := up(t, true)
	dir := find(t, text, `logs +(\S+)`)
	find(t, text, `export (CURFEW_TLS_CERT=\S+edge.crt .*)\n`)
	find(t, text, `redis +(\S+)`)
	find(t, text, `(CURFEW_REDIS_URL=rediss://:\S+@\S+)\n`)
	for name, own := range map[string]string{"issuer-2": "issuer", "edge-3": "edge"} {
		if url := find(t, text, name+` +(\S+)`); !strings.HasPrefix(url, "https://") {
			t.Errorf("%s is at %s", name, url)
		}
		log, err := os.ReadFile(filepath.Join(dir, name+".log"))
		testenv.Must(t, err)
		for _, want := range devcerts.Settings(filepath.Join(dir, "certs"), own) {
			if !strings.Contains(string(log), want+"\n") {
				t.Errorf("%s was started without %q", name, want)
			}
		}
	}
}

func checkEnv(t *testing.T, name, log, iss string) {
	t.Helper()
	want := []string{"CURFEW_NATS_URL=nats://" + name[:strings.IndexByte(name, '-')] + ":", "CURFEW_NATS_JS_PREFIX=JS.API\n", "CURFEW_REDIS_URL=redis://:", "CURFEW_LISTEN=127.0.0.1:", "CURFEW_ISSUER_URL=" + iss + "\n"}
	if strings.HasPrefix(name, "issuer") {
		want = append(want, "CURFEW_KEYS_DIR=/", "CURFEW_USERS_FILE=/", "CURFEW_ADMIN_TOKEN_FILE=/")
	} else {
		want = append(want, "CURFEW_EDGE_ID="+name+"\n")
	}
	for _, w := range want {
		if !strings.Contains(log, w) {
			t.Errorf("%s was started without %q:\n%s", name, w, log)
		}
	}
}

func TestStopsWhenAPartDies(t *testing.T) {
	text, _, ended := up(t, false)
	http.Get(find(t, text, `edge-2 +(\S+)`) + "/die") // the answer is cut off
	if err := wait(t, ended); err == nil || !strings.Contains(err.Error(), "edge-2 ended by itself") {
		t.Fatalf("got %v", err)
	}
}

func TestMissingBinaries(t *testing.T) {
	err := run(t.Context(), options{bin: t.TempDir(), issuers: "0", edges: "0"}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "make build") {
		t.Fatalf("got %v, want what to do", err)
	}
}

func TestParsePorts(t *testing.T) {
	for _, bad := range []string{"", "x", "8080,", "70000", "-1"} {
		if _, err := parsePorts(bad); err == nil {
			t.Errorf("took %q", bad)
		}
	}
	if got, err := parsePorts("8080, 0"); err != nil || got[0] != 8080 || got[1] == 0 {
		t.Errorf("got %v, %v", got, err)
	}
}
