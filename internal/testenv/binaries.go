//go:build unix

package testenv

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv/backend"
)

// Once in a process is enough, as the source does not change meanwhile.
// These values are all the state that the package keeps.
var (
	natsBinary  = sync.OnceValues(func() (string, error) { return backend.BuildNATS(context.Background()) })
	leapingNATS = sync.OnceValues(func() (string, error) {
		overlay, err := writeOverlay()
		if err != nil {
			return "", err
		}
		return backend.BuildLeapingNATS(context.Background(), overlay)
	})
	plainDir = sync.OnceValues(func() (string, error) { return buildCommands(false) })
	raceDir  = sync.OnceValues(func() (string, error) { return buildCommands(true) })
)

// Bin holds the paths of Curfew's binaries.
type Bin struct{ Issuer, Edge, Curfew string }

// RaceEnabled reports whether the test itself runs under the race detector.
const RaceEnabled = raceEnabled

// BuildBinaries builds the commands, with the race detector if race is set or
// the test runs under it. The files are the test's own.
func BuildBinaries(t testing.TB, race bool) Bin {
	t.Helper()
	build := plainDir
	if race || RaceEnabled {
		build = raceDir
	}
	from, err := build()
	Must(t, err)
	to := take(t, from, "issuer", "edge", "curfew")
	return Bin{Issuer: filepath.Join(to, "issuer"), Edge: filepath.Join(to, "edge"), Curfew: filepath.Join(to, "curfew")}
}

// BuildCrashing builds the issuer with the places at which it can be made to
// die, as package crash says. The file is the test's own.
func BuildCrashing(t testing.TB) string {
	t.Helper()
	root, err := moduleRoot()
	Must(t, err)
	name, args := "bin-crash", []string{"-C", root, "-tags", "crashpoints"}
	if RaceEnabled {
		name, args = "bin-crash-race", append(args, "-race")
	}
	dir, err := cacheDir(root, name)
	Must(t, err)
	Must(t, backend.Build(t.Context(), dir, append(args, "-o", dir+"/", "./cmd/issuer")...))
	return filepath.Join(take(t, dir, "issuer"), "issuer")
}

// BuildTraced builds the edge with the tag curfewtrace: it leaves a trace of its
// steps, as package cache says. The file is the test's own.
func BuildTraced(t testing.TB) string {
	t.Helper()
	root, err := moduleRoot()
	Must(t, err)
	name, args := "bin-traced", []string{"-C", root, "-tags", "curfewtrace"}
	if RaceEnabled {
		name, args = "bin-traced-race", append(args, "-race")
	}
	dir, err := cacheDir(root, name)
	Must(t, err)
	Must(t, backend.Build(t.Context(), dir, append(args, "-o", dir+"/", "./cmd/edge")...))
	return filepath.Join(take(t, dir, "edge"), "edge")
}

// take gives the test files of its own, in a directory that is returned.
func take(t testing.TB, from string, names ...string) string {
	t.Helper()
	to := t.TempDir()
	unlock, err := backend.Lock(from)
	Must(t, err)
	defer unlock()
	for _, name := range names {
		Must(t, link(filepath.Join(from, name), filepath.Join(to, name)))
	}
	return to
}

// cacheDir is where the binaries of one checkout are: another has others.
func cacheDir(root, name string) (string, error) {
	checkout := sha256.Sum256([]byte(root))
	return backend.CacheDir(fmt.Sprintf("%s-%x", name, checkout[:4]))
}

// buildCommands builds into a directory that outlives the run, so that go
// build need not link again what has not changed.
func buildCommands(race bool) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	name, args := "bin", []string{"-C", root}
	if race {
		name, args = "bin-race", append(args, "-race")
	}
	dir, err := cacheDir(root, name)
	if err != nil {
		return "", err
	}
	return dir, backend.Build(context.Background(), dir, append(args, "-o", dir+"/", "./cmd/...")...)
}

func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	file := strings.TrimSpace(string(out))
	if err == nil && (file == "" || file == os.DevNull) {
		err = errors.New("testenv: not inside the module")
	}
	return filepath.Dir(file), err
}

// link gives a file a second name, or copies it to another file system. A
// later build replaces the first name and leaves the second as it is.
func link(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}
