package contexts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gofrs/flock"
	"go.yaml.in/yaml/v3"
)

const (
	maxFile = 1 << 20 // bytes
	// lockWait is for commands that refresh a session at the same time.
	lockWait = time.Minute
	lockPoll = 20 * time.Millisecond
)

// Path is where the contexts are: below os.UserConfigDir.
func Path() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("no place for contexts: %w", err)
	}
	return filepath.Join(dir, "curfew", "contexts.yaml"), nil
}

// Load reads the contexts. A file that is not there has none.
func Load() (File, error) {
	path, err := Path()
	if err != nil {
		return File{}, err
	}
	return read(path)
}

func read(path string) (File, error) {
	var f File
	data, err := readPrivate(path)
	if err == nil && len(data) > 0 {
		err = decode(data, &f)
	}
	if f.Contexts == nil {
		f.Contexts = map[string]Context{}
	}
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// decode does not pass on the parser's text, which may quote a secret.
func decode(data []byte, f *File) error {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(f); err != nil {
		return errors.New("not a file of contexts of this version of curfew; move it away and add them anew")
	}
	for name, c := range f.Contexts {
		if err := errors.Join(CheckName(name), CheckURL(c.Issuer)); err != nil {
			return err
		}
	}
	return nil
}

// readPrivate refuses a file of secrets that others can read.
func readPrivate(path string) ([]byte, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > maxFile:
		return nil, fmt.Errorf("not a file of at most %d bytes", maxFile)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("holds secrets, but others may read it (mode %#o): chmod 600 it", info.Mode().Perm())
	}
	return io.ReadAll(io.LimitReader(file, maxFile))
}

// Update changes the contexts: it reads them, lets change do its work, and
// writes them, while other commands wait. When change returns an error nothing
// is written.
func Update(ctx context.Context, change func(*File) error) error {
	path, err := Path()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	waiting, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	if _, err := lock.TryLockContext(waiting, lockPoll); err != nil {
		return fmt.Errorf("%s is being changed by another command: %w", path, err)
	}
	defer func() { _ = lock.Unlock() }()
	f, err := read(path)
	if err != nil {
		return err
	}
	if err := change(&f); err != nil {
		return err
	}
	return write(path, f)
}

// write has the whole file on disk, or leaves the old one.
func write(path string, f File) error {
	data, err := yaml.Marshal(f)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".contexts-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already when all went well
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
