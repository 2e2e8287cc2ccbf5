//go:build unix

package testenv

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv/backend"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

// Shifted are the services built so that their wall clock can be wrong. Tools
// such as libfaketime cannot do that to a Go program, which does not ask the C
// library for the time. So the package time itself is built with an addition to
// time.Now, by an overlay; all that runs in the process sees the wrong time,
// while the monotonic clock and CLOCK_BOOTTIME stay as they are.
type Shifted struct{ dir string }

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

// BuildShifted builds the services, with the race detector if the test runs
// under it.
func BuildShifted(t testing.TB) *Shifted {
	t.Helper()
	root, err := moduleRoot()
	Must(t, err)
	name, args := "bin-shifted", []string{"-C", root}
	if RaceEnabled {
		name, args = "bin-shifted-race", append(args, "-race")
	}
	dir, err := cacheDir(root, name)
	Must(t, err)
	args = append(args, "-overlay", writeOverlay(t, dir), "-o", dir+"/", "./cmd/issuer", "./cmd/edge")
	Must(t, backend.Build(t.Context(), dir, args...))
	return &Shifted{take(t, dir, "issuer", "edge")}
}

// writeOverlay writes to the same place every time: go build's cache goes by
// the names of the files as well.
func writeOverlay(t testing.TB, dir string) string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	Must(t, err)
	pkg := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	source, err := os.ReadFile(filepath.Join(pkg, "time.go"))
	Must(t, err)
	changed := strings.Replace(string(source), readsClock, addsOffset, 1)
	if changed == string(source) {
		t.Fatal("time.Now is not what it was: the overlay in this file must follow it")
	}
	timeFile, offsetFile := filepath.Join(dir, "time.go"), filepath.Join(dir, "offset.go")
	Must(t, os.WriteFile(timeFile, []byte(changed), 0o600))
	Must(t, os.WriteFile(offsetFile, []byte(readOffset), 0o600))
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {
		filepath.Join(pkg, "time.go"):   timeFile,
		filepath.Join(pkg, "offset.go"): offsetFile,
	}})
	Must(t, err)
	name := filepath.Join(dir, "overlay.json")
	Must(t, os.WriteFile(name, overlay, 0o600))
	return name
}

// Apply makes a process start with a wall clock that is off, by whole seconds.
func (s *Shifted) Apply(spec *proc.Spec, off time.Duration) {
	spec.Path = filepath.Join(s.dir, filepath.Base(spec.Path))
	spec.Env = append(spec.Env, fmt.Sprintf("%s=%d", clockOffset, int(off.Seconds())))
}
