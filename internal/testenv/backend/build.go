//go:build unix

package backend

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// natsModule is built from the module graph: go.mod pins its version.
const natsModule = "github.com/nats-io/nats-server/v2"

// BuildNATS builds nats-server from the version that go.mod names and returns
// the path of the binary. It must run inside this module.
func BuildNATS(ctx context.Context) (string, error) {
	dir, err := CacheDir("nats")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "nats-server")
	return bin, Build(ctx, dir, "-o", bin, natsModule)
}

// BuildLeapingNATS is BuildNATS with an overlay of the package time that goes by
// a Clock, such as testenv writes.
func BuildLeapingNATS(ctx context.Context, overlay string) (string, error) {
	dir, err := CacheDir("nats-leaping")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "nats-server")
	return bin, Build(ctx, dir, "-overlay", overlay, "-o", bin, natsModule)
}

// CacheDir is where binaries for tests are kept between runs. Its size is
// bounded: a new build replaces the old one.
func CacheDir(name string) (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		base = filepath.Join(os.TempDir(), fmt.Sprintf("curfew-%d", os.Getuid()))
	}
	dir := filepath.Join(base, "curfew-testenv", name)
	return dir, os.MkdirAll(dir, 0o700)
}

// Build runs go build with the arguments. The test processes of all packages
// share dir, so one at a time builds into it.
func Build(ctx context.Context, dir string, args ...string) error {
	unlock, err := Lock(dir)
	if err != nil {
		return err
	}
	defer unlock()
	out, err := exec.CommandContext(ctx, "go", append([]string{"build"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("backend: go build: %w\n%s", err, out)
	}
	return nil
}

// Lock waits for the exclusive use of dir among all processes.
func Lock(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for err = syscall.EINTR; err == syscall.EINTR; {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("backend: lock %s: %w", dir, err)
	}
	return func() { f.Close() }, nil
}
