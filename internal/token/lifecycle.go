package token

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// A KeyState is where a key is in its life. After the last it is retired.
type KeyState string

const (
	KeyPublished KeyState = "published" // verifiers may learn it; signs later
	KeySigning   KeyState = "signing"
	KeyRetiring  KeyState = "retiring" // replaced, its tokens still live
)

// KeyInfo describes a key to its operator.
type KeyInfo struct {
	ID        string
	Algorithm string
	State     KeyState
	Created   time.Time
	SignsFrom time.Time
	RetireAt  time.Time // zero: nothing replaces it yet
}

// A keyPair is one key of the directory.
type keyPair struct {
	public  PublicKey
	private any     // what the signing method takes
	derived derived // of a key in the directory
	// created is the time in the kid of a key that an issuer made, else the
	// file's modification time. Whole seconds.
	created time.Time
	made    bool // by an issuer, which therefore also retires it
	// noticed is when this process first saw the key beside others, on its
	// own clock; zero if the key was there when it started.
	noticed time.Time

	signsFrom time.Time
	retireAt  time.Time // zero: nothing replaces it yet
}

// schedule sorts keys by age and works out when each signs and retires. This
// is the whole agreement between issuers: they read the same files.
//
// A key signs once it has been published for the delay, until a newer one
// does; the oldest has nobody to wait for. It counts from the key's recorded
// time, or from when a running process noticed it: that needs no clock but its
// own, and is never too early.
func schedule(keys []keyPair, delay, keep time.Duration) {
	slices.SortFunc(keys, func(a, b keyPair) int {
		return cmp.Or(a.created.Compare(b.created), strings.Compare(a.public.id, b.public.id))
	})
	var replaced time.Time
	for i := len(keys) - 1; i >= 0; i-- {
		k := &keys[i]
		k.signsFrom, k.retireAt = k.created.Add(delay), time.Time{}
		switch {
		case i == 0:
			k.signsFrom = k.created
		case !k.noticed.IsZero():
			k.signsFrom = k.noticed.Add(delay)
		}
		if !replaced.IsZero() {
			k.retireAt = replaced.Add(keep)
		}
		if replaced.IsZero() || k.signsFrom.Before(replaced) {
			replaced = k.signsFrom
		}
	}
}

// retired reports whether every token of the key has expired. A key that a
// person put there is theirs to remove.
func (k *keyPair) retired(now time.Time) bool {
	return k.made && !k.retireAt.IsZero() && !now.Before(k.retireAt)
}

// signer is the index of the key that signs at that time: the newest whose
// time has come, else the oldest.
func signer(keys []keyPair, now time.Time) int {
	for i := len(keys) - 1; i > 0; i-- {
		if !now.Before(keys[i].signsFrom) {
			return i
		}
	}
	return 0
}

func (k *keyPair) info(state KeyState) KeyInfo {
	return KeyInfo{
		ID: k.public.id, Algorithm: k.public.Algorithm(), State: state,
		Created: k.created, SignsFrom: k.signsFrom, RetireAt: k.retireAt,
	}
}
