package session

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
)

// upgrade replaces a weak hash in the users file, now that its password is
// known. The login does not depend on it: what goes wrong is logged, and the
// next login tries again.
func (u *Users) upgrade(password, old string) {
	if !u.Writable || !u.Cost.beats(old) {
		return
	}
	hash, err := u.Cost.hash(password)
	if err == nil {
		err = u.replace(old, hash)
	}
	if err != nil {
		u.Log.Warn("password hash not upgraded", "file", u.path, "error", err)
		return
	}
	u.Log.Info("password hash upgraded", "file", u.path, "memory_kib", u.Cost.Memory, "passes", u.Cost.Passes)
}

// beats says whether a new hash would be more work to guess than the old.
func (c Cost) beats(old string) bool {
	work := workOf(old)
	return work > 0 && work < uint64(c.Memory)*uint64(c.Passes)
}

// replace puts a hash in the place of another in the file, and changes nothing
// else in it: not a comment, not an order. A hash holds a salt, so it names
// its place.
func (u *Users) replace(old, hash string) error {
	u.rewrite.Lock()
	defer u.rewrite.Unlock()
	path, err := filepath.EvalSymlinks(u.path)
	if err != nil {
		return err
	}
	before, err := os.Stat(path)
	if err != nil {
		return err
	}
	text, err := readLimited(path)
	if err != nil {
		return err
	}
	if bytes.Count(text, []byte(old)) != 1 {
		return errors.New("the file does not hold the hash once and in one piece")
	}
	changed := bytes.Replace(text, []byte(old), []byte(hash), 1)
	next, err := u.onlyHashDiffers(text, changed, old, hash)
	if err != nil {
		return err
	}
	if err := writeOver(path, changed, before); err != nil {
		return err
	}
	u.current.Store(next)
	return nil
}

// onlyHashDiffers reads both texts back and says what the second means.
func (u *Users) onlyHashDiffers(text, changed []byte, old, hash string) (*directory, error) {
	was, err := u.parse(text)
	if err != nil {
		return nil, err
	}
	is, err := u.parse(changed)
	if err != nil {
		return nil, err
	}
	same := maps.EqualFunc(was.byName, is.byName, func(a, b account) bool {
		return a.hash == b.hash || a.hash == old && b.hash == hash
	})
	if !same {
		return nil, errors.New("the change would not stay where it belongs")
	}
	return is, nil
}

// writeOver replaces a file that is still the one that was read, whole or not
// at all.
func writeOver(path string, text []byte, was os.FileInfo) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".users-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // nothing once it is renamed
	_, err = tmp.Write(text)
	err = errors.Join(err, tmp.Chmod(was.Mode().Perm()), tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	if now, err := os.Stat(path); err != nil || !sameVersion(now, was) {
		return errors.New("somebody else has just changed it")
	}
	return os.Rename(tmp.Name(), path)
}
