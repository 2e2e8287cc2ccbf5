//go:build unix

package backend

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// A Clock is how far the wall clock of one process is off, which can be changed
// while it runs. The process must be one that looks: a Go program built with
// testenv's overlay, or a program of C that is started with the library of
// BuildWrongTime. Both map the clock's file, which holds the seconds to add, so
// that a leap is seen by whatever is asked next. The monotonic clock and the one
// that counts time asleep stay as they are.
type Clock struct {
	file string
	off  *int64 // mapped, and shared with the process
}

// ClockFile is the environment variable with the clock's file.
const ClockFile = "CHAOS_CLOCK_FILE"

// NewClock makes a clock that is right, with a file in dir. The mapping lives as
// long as this process.
func NewClock(dir, name string) (*Clock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	c := &Clock{file: filepath.Join(dir, name+".clock")}
	f, err := os.OpenFile(c.file, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := f.Truncate(8); err != nil {
		return nil, err
	}
	data, err := syscall.Mmap(int(f.Fd()), 0, 8, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("backend: clock: %w", err)
	}
	c.off = (*int64)(unsafe.Pointer(unsafe.SliceData(data)))
	return c, nil
}

// Set makes the clock wrong by off, in whole seconds; 0 puts it right.
func (c *Clock) Set(off time.Duration) { atomic.StoreInt64(c.off, int64(off/time.Second)) }

// Off is how wrong the clock is.
func (c *Clock) Off() time.Duration { return time.Duration(atomic.LoadInt64(c.off)) * time.Second }

// Env is what the environment of the process must say.
func (c *Clock) Env() string { return ClockFile + "=" + c.file }

//go:embed wrongtime/wrongtime.c
var wrongTime []byte

// BuildWrongTime builds the library that gives programs of C the time by a Clock.
// libfaketime could, but reads a text file at each look at the time, and is not
// everywhere; a C compiler is there already, for the race detector.
func BuildWrongTime(ctx context.Context) (string, error) {
	dir, err := CacheDir("wrongtime")
	if err != nil {
		return "", err
	}
	unlock, err := Lock(dir)
	if err != nil {
		return "", err
	}
	defer unlock()
	source, lib := filepath.Join(dir, "wrongtime.c"), filepath.Join(dir, "wrongtime.so")
	if err := os.WriteFile(source, wrongTime, 0o600); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, "cc", "-O2", "-fPIC", "-shared", "-o", lib+".new", source).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("backend: cc (is a C compiler there? make test finds one): %w\n%s", err, out)
	}
	return lib, os.Rename(lib+".new", lib)
}

// preload is the environment that makes a program of C use the library.
func preload(lib string) []string {
	return []string{"LD_PRELOAD=" + lib, "DYLD_INSERT_LIBRARIES=" + lib}
}
