package token

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// retiredDir is where the files of retired keys go. Nothing reads them there;
// they are moved, not deleted, because a clock may have been wrong.
const retiredDir = "retired"

// Rotate makes a new key of the algorithm, or of the configured one when
// empty, and publishes it. It signs after the delay, on all issuers. One
// rotation at a time: until the key signs, another gets ErrRotationPending.
func (k *Keyring) Rotate(algorithm string) (KeyInfo, error) {
	return k.rotate(algorithm, 0)
}

// rotate does nothing but return ErrRotationPending if the newest key is
// younger than minAge, or does not sign yet.
func (k *Keyring) rotate(algorithm string, minAge time.Duration) (KeyInfo, error) {
	if k.secret != nil {
		return KeyInfo{}, fmt.Errorf("%w: the HS256 secret is a setting", ErrAlgorithm)
	}
	if err := k.maySucceed(minAge); err != nil {
		return KeyInfo{}, err
	}
	if algorithm == "" {
		algorithm = k.cfg.Algorithm
	}
	private, err := generateKey(algorithm) // before the lock: RSA takes a while
	if err != nil {
		return KeyInfo{}, err
	}
	unlock, err := lockDir(k.cfg.Dir)
	if err != nil {
		return KeyInfo{}, err
	}
	defer unlock()
	if err := k.reload(); err != nil { // another issuer may just have rotated
		return KeyInfo{}, err
	}
	if err := k.maySucceed(minAge); err != nil {
		return KeyInfo{}, err
	}
	kid := newKeyID(k.nextTime(time.Now()))
	if err := writeKeyFile(k.cfg.Dir, kid, private); err != nil {
		return KeyInfo{}, err
	}
	return k.publish(kid)
}

// publish takes up the key that was just written.
func (k *Keyring) publish(kid string) (KeyInfo, error) {
	if err := k.reload(); err != nil {
		return KeyInfo{}, err
	}
	for _, info := range k.Keys() {
		if info.ID == kid {
			k.cfg.Log.Info("signing key made", "kid", kid, "algorithm", info.Algorithm, "signs_from", info.SignsFrom)
			return info, nil
		}
	}
	return KeyInfo{}, fmt.Errorf("token: the new key %s vanished", kid)
}

// maySucceed tells whether there may be another key now.
func (k *Keyring) maySucceed(minAge time.Duration) error {
	keys, now := k.ring.Load().keys, time.Now()
	newest := keys[len(keys)-1]
	if now.Before(newest.signsFrom) || minAge > 0 && now.Sub(newest.created) < minAge {
		return ErrRotationPending
	}
	if len(keys) >= maxKeys {
		return fmt.Errorf("%w: too many keys whose tokens still live", ErrRotationPending)
	}
	return nil
}

// nextTime is now, or later if the newest key is from a clock ahead of ours:
// the successor must be the newest.
func (k *Keyring) nextTime(now time.Time) time.Time {
	keys := k.ring.Load().keys
	if after := keys[len(keys)-1].created.Add(time.Second); after.After(now) {
		return after
	}
	return now
}

// moveRetired moves the files of retired keys out of the way. Every issuer
// tries; whoever comes second finds nothing to do.
func (k *Keyring) moveRetired() error {
	r := k.ring.Load()
	var errs []error
	for name, f := range r.files {
		if _, live := r.public[f.key.public.id]; live {
			continue
		}
		err := os.Mkdir(filepath.Join(k.cfg.Dir, retiredDir), 0o700)
		if err == nil || errors.Is(err, fs.ErrExist) {
			err = os.Rename(filepath.Join(k.cfg.Dir, name), filepath.Join(k.cfg.Dir, retiredDir, name))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		} else if err == nil {
			k.cfg.Log.Info("signing key retired", "kid", f.key.public.id)
		}
	}
	return errors.Join(errs...)
}
