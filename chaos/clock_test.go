//go:build unix

package chaos

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/backend"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

// shifted are the services built so that their wall clock can be wrong. Tools
// such as libfaketime cannot do that to a Go program, which does not ask the C
// library for the time. So the package time itself is built with an addition to
// time.Now, by an overlay; all that runs in the process sees the wrong time,
// while the monotonic clock and CLOCK_BOOTTIME stay as they are.
type shifted struct{ dir string }

// clockOffset is the environment variable with the offset, in seconds.
const clockOffset = "CHAOS_CLOCK_OFFSET"

const readOffset = `package time

import "syscall"

var wallOffset = func() (sec int64) {
	text, _ := syscall.Getenv("` + clockOffset + `")
	negative := len(text) > 0 && text[0] == '-'
	for _, digit := range []byte(text) {
		if digit >= '0' && digit <= '9' {
			sec = 10*sec + int64(digit-'0')
		}
	}
	if negative {
		return -sec
	}
	return sec
}()
`

// The line of time.Now that is changed, and what becomes of it.
const (
	readsClock = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	addsOffset = readsClock + "\tsec += wallOffset\n"
)

func buildShifted(t testing.TB) *shifted {
	t.Helper()
	dir, err := backend.CacheDir("bin-shifted")
	testenv.Must(t, err)
	args := []string{"-C", "..", "-overlay", writeOverlay(t, dir), "-o", dir + "/"}
	if testenv.RaceEnabled {
		args = append(args, "-race")
	}
	testenv.Must(t, backend.Build(t.Context(), dir, append(args, "./cmd/issuer", "./cmd/edge")...))
	return &shifted{dir}
}

// writeOverlay writes to the same place every time: go build's cache goes by
// the names of the files as well.
func writeOverlay(t testing.TB, dir string) string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	testenv.Must(t, err)
	pkg := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	source, err := os.ReadFile(filepath.Join(pkg, "time.go"))
	testenv.Must(t, err)
	changed := strings.Replace(string(source), readsClock, addsOffset, 1)
	if changed == string(source) {
		t.Fatal("time.Now is not what it was: the overlay in this file must follow it")
	}
	timeFile, offsetFile := filepath.Join(dir, "time.go"), filepath.Join(dir, "offset.go")
	testenv.Must(t, os.WriteFile(timeFile, []byte(changed), 0o600))
	testenv.Must(t, os.WriteFile(offsetFile, []byte(readOffset), 0o600))
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {
		filepath.Join(pkg, "time.go"):   timeFile,
		filepath.Join(pkg, "offset.go"): offsetFile,
	}})
	testenv.Must(t, err)
	name := filepath.Join(dir, "overlay.json")
	testenv.Must(t, os.WriteFile(name, overlay, 0o600))
	return name
}

// apply makes a process start with a wall clock that is off.
func (s *shifted) apply(spec *proc.Spec, off time.Duration) {
	spec.Path = filepath.Join(s.dir, filepath.Base(spec.Path))
	spec.Env = append(spec.Env, fmt.Sprintf("%s=%d", clockOffset, int(off.Seconds())))
}

// TestShiftedClock shows that the shift works: without that, the fault would
// show nothing.
func TestShiftedClock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testenv.Must(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(
		"package main\n\nimport \"time\"\n\nfunc main() { println(time.Now().Unix()) }\n"), 0o600))
	out, err := exec.Command("go", "build", "-overlay", writeOverlay(t, dir), "-o", dir+"/now", dir+"/main.go").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(filepath.Join(dir, "now"))
	cmd.Env = append(os.Environ(), clockOffset+"=-420")
	out, err = cmd.CombinedOutput()
	testenv.Must(t, err)
	var got int64
	if _, err := fmt.Sscan(string(out), &got); err != nil {
		t.Fatal(err)
	}
	if off := got - time.Now().Unix(); off < -425 || off > -415 {
		t.Errorf("clock is off by %d s, want -420", off)
	}
}
