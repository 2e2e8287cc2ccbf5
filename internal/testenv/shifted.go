//go:build unix

package testenv

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nuid"

	"github.com/curfew-auth/curfew/internal/testenv/backend"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

// Shifted are the services built so that their wall clock can be wrong. Tools
// such as libfaketime cannot do that to a Go program, which does not ask the C
// library for the time. So the package time itself is built with an addition to
// time.Now, by an overlay; all that runs in the process sees the wrong time,
// while the monotonic clock and CLOCK_BOOTTIME stay as they are.
type Shifted struct {
	t   testing.TB
	dir string
}

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
	overlay, err := writeOverlay()
	Must(t, err)
	args = append(args, "-overlay", overlay, "-o", dir+"/", "./cmd/issuer", "./cmd/edge")
	Must(t, backend.Build(t.Context(), dir, args...))
	return &Shifted{t, take(t, dir, "issuer", "edge")}
}

// Apply makes a process start with a wall clock that is off, by whole seconds.
// What is returned can change that while it runs.
func (s *Shifted) Apply(spec *proc.Spec, off time.Duration) *backend.Clock {
	clock, err := backend.NewClock(s.dir, fmt.Sprintf("%s-%s", spec.Name, nuid.Next()))
	Must(s.t, err)
	clock.Set(off)
	spec.Path = filepath.Join(s.dir, filepath.Base(spec.Path))
	spec.Env = append(spec.Env, clock.Env())
	return clock
}
