//go:build unix

package testenv

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/curfew-auth/curfew/internal/testenv/backend"
)

// readOffset is added to the package time. The file of a backend.Clock is mapped,
// so that looking costs one load and a change is seen at once. A file that cannot
// be mapped ends the process: with the right time no test would show anything.
const readOffset = `package time

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

var wallOffset = mapOffset()

func mapOffset() *int64 {
	name, found := syscall.Getenv("` + backend.ClockFile + `")
	if !found {
		return new(int64)
	}
	fd, err := syscall.Open(name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		panic("time: " + name + ": " + err.Error())
	}
	defer syscall.Close(fd)
	data, err := syscall.Mmap(fd, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic("time: " + name + ": " + err.Error())
	}
	return (*int64)(unsafe.Pointer(unsafe.SliceData(data)))
}

func wallSeconds() int64 { return atomic.LoadInt64(wallOffset) }
`

// The line of time.Now that is changed, and what becomes of it.
const (
	readsClock = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	addsOffset = readsClock + "\tsec += wallSeconds()\n"
)

// writeOverlay makes go build use a package time that goes by a Clock, and returns
// the overlay's name. It writes to the same place every time: go build's cache
// goes by the names of the files as well.
func writeOverlay() (string, error) {
	dir, err := backend.CacheDir("overlay")
	if err != nil {
		return "", err
	}
	unlock, err := backend.Lock(dir)
	if err != nil {
		return "", err
	}
	defer unlock()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	pkg := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	source, err := os.ReadFile(filepath.Join(pkg, "time.go"))
	if err != nil {
		return "", err
	}
	changed := strings.Replace(string(source), readsClock, addsOffset, 1)
	if changed == string(source) {
		return "", errors.New("testenv: time.Now is not what it was: the overlay in this file must follow it")
	}
	return writeFiles(dir, pkg, changed)
}

func writeFiles(dir, pkg, changed string) (string, error) {
	timeFile, offsetFile := filepath.Join(dir, "time.go"), filepath.Join(dir, "offset.go")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {
		filepath.Join(pkg, "time.go"):   timeFile,
		filepath.Join(pkg, "offset.go"): offsetFile,
	}})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, errors.Join(
		replaceFile(timeFile, changed), replaceFile(offsetFile, readOffset), replaceFile(name, string(overlay)))
}

// replaceFile changes a file at once: another process may be building with it.
func replaceFile(name, text string) error {
	if old, err := os.ReadFile(name); err == nil && string(old) == text {
		return nil
	}
	if err := os.WriteFile(name+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}
