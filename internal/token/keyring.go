package token

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const keySuffix = ".pem"

// A keyPair is one key of the directory.
type keyPair struct {
	public  PublicKey
	private crypto.Signer
}

// A Keyring holds the keys of a directory: it signs with the lexically last
// kid, and knows the public part of them all. It is a KeySource for verifiers
// in the same process. It never changes.
type Keyring struct {
	signing keyPair
	public  keySet
	jwks    []byte
}

// OpenKeyring reads every *.pem of dir: one PKCS #8 private key each, its kid
// the file's name without the suffix. When there is none, and create is set,
// it makes an Ed25519 key first; of any number of processes that do so at the
// same time one makes it, and all return with that one.
//
// Files whose name begins with a dot are ignored. A directory that holds keys
// is only read, so it may be a read-only mount.
func OpenKeyring(dir string, create bool) (*Keyring, error) {
	keys, err := loadKeys(dir)
	if err != nil {
		return nil, fmt.Errorf("token: keys: %w", err)
	}
	if len(keys) == 0 && create {
		if keys, err = createFirstKey(dir); err != nil {
			return nil, fmt.Errorf("token: make the first key: %w", err)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w in %s: put a PKCS #8 key there, as from "+
			"openssl genpkey -algorithm ed25519 -out %s && chmod 600 %[3]s",
			ErrNoKeys, dir, filepath.Join(dir, "key-1"+keySuffix))
	}
	return newKeyring(keys)
}

// newKeyring takes the keys in the order of their kids.
func newKeyring(keys []keyPair) (*Keyring, error) {
	if len(keys) > maxKeys {
		return nil, fmt.Errorf("token: more than %d keys", maxKeys)
	}
	k := &Keyring{signing: keys[len(keys)-1], public: make(keySet, len(keys))}
	public := make([]PublicKey, 0, len(keys))
	for _, key := range keys {
		k.public[key.public.id] = key.public
		public = append(public, key.public)
	}
	var err error
	k.jwks, err = encodeJWKS(public)
	return k, err
}

// SigningKeyID is the kid of the tokens that Mint makes.
func (k *Keyring) SigningKeyID() string { return k.signing.public.id }

// JWKS is the public part of the keys as a JWK Set document.
func (k *Keyring) JWKS() []byte { return slices.Clone(k.jwks) }

// Key implements KeySource.
func (k *Keyring) Key(_ context.Context, kid string) (PublicKey, error) {
	key, ok := k.public[kid]
	if !ok {
		return PublicKey{}, fmt.Errorf("%w: unknown key", ErrInvalid)
	}
	return key, nil
}

// loadKeys reads the keys of dir in the order of their kids. A directory that
// does not exist has none.
func loadKeys(dir string) ([]keyPair, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var keys []keyPair
	for _, e := range entries {
		kid, isKey := strings.CutSuffix(e.Name(), keySuffix)
		if !isKey || strings.HasPrefix(kid, ".") {
			continue
		}
		key, err := loadKey(filepath.Join(dir, e.Name()), kid)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b keyPair) int { return strings.Compare(a.public.id, b.public.id) })
	return keys, nil
}
