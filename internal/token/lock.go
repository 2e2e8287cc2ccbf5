package token

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

const (
	lockName = ".lock"
	// lockWait is ample: the lock is held for one small write.
	lockWait = 10 * time.Second
	lockPoll = 10 * time.Millisecond
)

var errLocked = errors.New("locked")

// lockDir takes the directory's lock, which excludes other processes and other
// goroutines of this one.
func lockDir(dir string) (unlock func(), err error) {
	path := filepath.Join(dir, lockName)
	for deadline := time.Now().Add(lockWait); ; time.Sleep(lockPoll) {
		unlock, err = tryLock(path)
		if !errors.Is(err, errLocked) {
			return unlock, err
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("%s is held by another process; if none is starting, remove it", path)
		}
	}
}
