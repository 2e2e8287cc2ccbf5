//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package token

import (
	"errors"
	"io/fs"
	"os"
)

// tryLock makes the file exclusively. A process that dies meanwhile leaves it
// behind; lockDir then says what to do.
func tryLock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, errLocked
	}
	if err != nil {
		return nil, err
	}
	_ = f.Close()
	return func() { _ = os.Remove(path) }, nil
}
