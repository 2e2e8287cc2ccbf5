package token

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// maxReload is the longest time between two looks at the directory.
const maxReload = 2 * time.Second

// reloadEvery is well below the delay, so that every issuer publishes a key
// before any signs with it.
func (k *Keyring) reloadEvery() time.Duration {
	if k.cfg.PublishDelay <= 0 {
		return maxReload
	}
	return max(10*time.Millisecond, min(maxReload, k.cfg.PublishDelay/4))
}

// Run follows the directory until ctx ends, whose error it returns: new keys
// are published, then sign, and are retired at last. A directory that cannot
// be read leaves the keys as they are, and is logged once.
func (k *Keyring) Run(ctx context.Context) error {
	tick := time.NewTicker(k.reloadEvery())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			k.complain(k.follow())
		}
	}
}

// follow does what is due.
func (k *Keyring) follow() error {
	if err := k.reload(); err != nil {
		return fmt.Errorf("cannot reload, the keys stay as they were: %w", err)
	}
	if err := k.moveRetired(); err != nil {
		return fmt.Errorf("cannot move retired keys away: %w", err)
	}
	if every := k.cfg.RotateEvery; every > 0 && k.secret == nil {
		return k.rotateIfDue(every)
	}
	return nil
}

func (k *Keyring) rotateIfDue(every time.Duration) error {
	made, err := k.rotate("", every)
	switch {
	case errors.Is(err, ErrRotationPending):
		return nil
	case err != nil:
		return fmt.Errorf("cannot rotate: %w", err)
	case k.cfg.Rotated != nil:
		k.cfg.Rotated(made)
	}
	return nil
}

// reload replaces the ring by what the directory holds, or leaves it.
func (k *Keyring) reload() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	now, old := time.Now(), k.ring.Load()
	files, err := readKeys(k.cfg.Dir, old.files, now)
	if err != nil {
		return err
	}
	r, err := k.newRing(files, now)
	if err != nil {
		return err
	}
	k.ring.Store(r)
	if was, is := kidsOf(old), kidsOf(r); !slices.Equal(was, is) {
		k.cfg.Log.Info("signing keys changed", "kids", is, "signing_kid", k.SigningKeyID())
	}
	return nil
}

func kidsOf(r *ring) []string { return slices.Sorted(maps.Keys(r.public)) }

// complain logs an error once, until another comes or it is over.
func (k *Keyring) complain(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if text == k.complaint {
		return
	}
	k.complaint = text
	if err != nil {
		k.cfg.Log.Error("keys directory", "error", text)
	} else {
		k.cfg.Log.Info("keys directory in order again")
	}
}
