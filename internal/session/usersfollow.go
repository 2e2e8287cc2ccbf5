package session

import (
	"context"
	"os"
	"time"
)

// usersPoll is how often the users file is looked at.
const usersPoll = 2 * time.Second

// Follow takes over changes of the users file until ctx ends. A change is read
// once two looks have found it the same, so not while it is being written. A
// file that is bad or gone changes nothing.
func (u *Users) Follow(ctx context.Context) {
	tick := time.NewTicker(usersPoll)
	defer tick.Stop()
	last := u.loaded
	for {
		select {
		case <-tick.C:
			last = u.look(last)
		case <-ctx.Done():
			return
		}
	}
}

// look reads the file if it has changed and has come to rest since last.
func (u *Users) look(last os.FileInfo) os.FileInfo {
	now, err := os.Stat(u.path)
	if err != nil || sameVersion(now, u.loaded) || !sameVersion(now, last) {
		return now
	}
	u.loaded = now
	d, err := u.read()
	if err != nil {
		u.Log.Error("the changed users file is not used", "error", err)
		return now
	}
	u.current.Store(d)
	u.Log.Info("users file read again", "file", u.path, "users", len(d.byName))
	return now
}

func sameVersion(a, b os.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
