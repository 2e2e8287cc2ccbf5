package token

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// KeyringConfig says where keys are and how they follow each other. Only Dir
// is mandatory. Issuers that share the directory MUST agree on the rest.
type KeyringConfig struct {
	Dir string
	// Create makes a first key when there is none.
	Create bool
	// Algorithm of keys made here: EdDSA (default), ES256 or RS256.
	Algorithm string
	// HS256Secret, if not empty, signs instead of the keys in Dir.
	HS256Secret string
	// PublishDelay is for how long a new key is published before it signs.
	PublishDelay time.Duration
	// Keep is for how long a replaced key stays published: the lifetime of
	// its last token, and what clocks may differ.
	Keep time.Duration
	// RotateEvery is the age at which the newest key gets a successor; 0 is
	// never.
	RotateEvery time.Duration
	// Rotated, if not nil, is told of each key made because of RotateEvery,
	// by the goroutine of Run.
	Rotated func(KeyInfo)
	Log     *slog.Logger // default: none
}

// A Keyring holds the keys of a directory: one of them signs, and the public
// part of all is published. It is a KeySource for verifiers in the same
// process. It changes with the directory while Run runs.
type Keyring struct {
	cfg    KeyringConfig
	secret *keyPair // nil but for HS256
	ring   atomic.Pointer[ring]

	mu        sync.Mutex // held while the ring is replaced
	complaint string     // the last one logged
}

// A ring is the directory at one time. It is never changed.
type ring struct {
	keys   []keyPair // by age, none retired
	public keySet
	jwks   []byte
	files  map[string]keyFile // all that was read, by name
}

// OpenKeyring reads every *.pem of the directory: one PKCS #8 private key
// each, its kid the file's name without the suffix. When there is none, and
// Create is set, it makes a key first; of any number of processes that do so
// at the same time one makes it, and all return with that one.
//
// Files whose name begins with a dot are ignored. A directory that holds keys
// is only read, so it may be a read-only mount.
func OpenKeyring(cfg KeyringConfig) (*Keyring, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keyring{cfg: cfg}
	if err := k.openSecret(); err != nil {
		return nil, err
	}
	files, err := readKeys(cfg.Dir, nil, time.Time{})
	if err == nil && len(files) == 0 && cfg.Create {
		if err = k.createFirstKey(); err == nil {
			files, err = readKeys(cfg.Dir, nil, time.Time{})
		}
	}
	if err != nil {
		return nil, fmt.Errorf("token: keys: %w", err)
	}
	r, err := k.newRing(files, time.Now())
	if err != nil {
		return nil, err
	}
	k.ring.Store(r)
	return k, nil
}

func (k *Keyring) openSecret() error {
	if k.cfg.HS256Secret == "" {
		return nil
	}
	key, err := secretKey(k.cfg.HS256Secret)
	k.secret = &keyPair{public: key, private: key.key}
	return err
}

// newRing schedules the keys and leaves out those that have retired.
func (k *Keyring) newRing(files map[string]keyFile, now time.Time) (*ring, error) {
	r := &ring{files: files, public: make(keySet, len(files))}
	for _, f := range files {
		r.keys = append(r.keys, f.key)
	}
	if len(r.keys) == 0 {
		return nil, fmt.Errorf("%w in %s: put a PKCS #8 key there, as from "+
			"openssl genpkey -algorithm ed25519 -out %s && chmod 600 %[3]s",
			ErrNoKeys, k.cfg.Dir, filepath.Join(k.cfg.Dir, "key-1"+keySuffix))
	}
	schedule(r.keys, k.cfg.PublishDelay, k.cfg.Keep)
	r.keys = slices.DeleteFunc(r.keys, func(key keyPair) bool { return key.retired(now) })
	if len(r.keys) > maxKeys {
		return nil, fmt.Errorf("token: more than %d keys", maxKeys)
	}
	public := make([]PublicKey, 0, len(r.keys))
	for _, key := range r.keys {
		r.public[key.public.id] = key.public
		public = append(public, key.public)
	}
	var err error
	r.jwks, err = encodeJWKS(public)
	return r, err
}

// signing is the key that signs now.
func (k *Keyring) signing() keyPair {
	if k.secret != nil {
		return *k.secret
	}
	keys := k.ring.Load().keys
	return keys[signer(keys, time.Now())]
}

// SigningKeyID is the kid of the tokens that Mint makes now.
func (k *Keyring) SigningKeyID() string { return k.signing().public.id }

// JWKS is the public part of the keys as a JWK Set document.
func (k *Keyring) JWKS() []byte { return slices.Clone(k.ring.Load().jwks) }

// Key implements KeySource.
func (k *Keyring) Key(_ context.Context, kid string) (PublicKey, error) {
	if k.secret != nil && k.secret.public.id == kid {
		return k.secret.public, nil
	}
	key, ok := k.ring.Load().public[kid]
	if !ok {
		return PublicKey{}, ErrKeyAbsent
	}
	return key, nil
}

// Keys lists the keys, the oldest first. With an HS256 secret, that one comes
// last, and the newest of the others only waits.
func (k *Keyring) Keys() []KeyInfo {
	keys := k.ring.Load().keys
	now := signer(keys, time.Now())
	list := make([]KeyInfo, 0, len(keys)+1)
	for i := range keys {
		state := KeyRetiring
		if i > now || i == now && k.secret != nil {
			state = KeyPublished
		} else if i == now {
			state = KeySigning
		}
		list = append(list, keys[i].info(state))
	}
	if k.secret != nil {
		list = append(list, k.secret.info(KeySigning))
	}
	return list
}
