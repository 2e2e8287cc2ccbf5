package token

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const (
	keySuffix = ".pem"
	// pemType is what PKCS #8 keys are called (RFC 7468 section 10).
	pemType    = "PRIVATE KEY"
	maxKeyFile = 64 << 10
	// kidTime is how the kid of a key made here begins: when that was.
	kidTime = "20060102T150405Z"
)

// A keyFile is a key and what its file looked like when it was read.
type keyFile struct {
	key     keyPair
	changed time.Time
	size    int64
}

// readKeys reads the key files of dir, by name. Files that have not changed
// are taken from old; others are noticed at that time. A directory that does
// not exist has none.
func readKeys(dir string, old map[string]keyFile, noticed time.Time) (map[string]keyFile, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	files := map[string]keyFile{}
	for _, e := range entries {
		kid, isKey := strings.CutSuffix(e.Name(), keySuffix)
		if !isKey || strings.HasPrefix(kid, ".") {
			continue
		}
		f, err := readKey(filepath.Join(dir, e.Name()), kid, old[e.Name()], noticed)
		if errors.Is(err, fs.ErrNotExist) && goneFrom(dir, e.Name()) {
			continue // another issuer just retired it
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		files[e.Name()] = f
	}
	return files, nil
}

// goneFrom tells a file that was removed from a link that leads nowhere.
func goneFrom(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return errors.Is(err, fs.ErrNotExist)
}

// readKey returns old if the file has not changed.
func readKey(path, kid string, old keyFile, noticed time.Time) (keyFile, error) {
	info, err := os.Stat(path)
	if err != nil {
		return keyFile{}, err
	}
	if old.size == info.Size() && old.changed.Equal(info.ModTime()) {
		return old, nil
	}
	key, err := loadKey(path, kid)
	key.noticed = noticed
	key.created, key.made = keyTime(kid)
	if !key.made {
		key.created = info.ModTime().Truncate(time.Second)
	}
	return keyFile{key: key, changed: info.ModTime(), size: info.Size()}, err
}

// keyTime reads the time that newKeyID put into a kid.
func keyTime(kid string) (time.Time, bool) {
	stamp, _, ok := strings.Cut(kid, "-")
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(kidTime, stamp)
	return t, err == nil
}

// loadKey reads the key of one file.
func loadKey(path, kid string) (keyPair, error) {
	data, err := readKeyFile(path)
	if err != nil {
		return keyPair{}, err
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != pemType {
		return keyPair{}, errors.New("not an unencrypted PKCS #8 key in PEM; convert it with openssl pkcs8 -topk8 -nocrypt")
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return keyPair{}, errors.New("not a PKCS #8 private key") // the cause might quote the key
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return keyPair{}, errors.New("not a key that can sign")
	}
	made, err := derive(private)
	if err != nil {
		return keyPair{}, err
	}
	public, err := NewPublicKey(kid, signer.Public())
	return keyPair{public: public, private: signer, derived: made}, err
}

// readKeyFile refuses a key that everyone on the machine can read. The group
// may: that is how orchestrators hand secrets to a service.
func readKeyFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > maxKeyFile:
		return nil, fmt.Errorf("not a file of at most %d bytes", maxKeyFile)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o007 != 0:
		return nil, fmt.Errorf("a private key open to everyone (mode %#o); chmod 600 it", info.Mode().Perm())
	}
	return io.ReadAll(io.LimitReader(f, maxKeyFile))
}

// createFirstKey makes a key unless somebody else just did. The lock makes
// "is it still empty" and "put a key there" one step; whoever comes second
// finds the key of the first.
func (k *Keyring) createFirstKey() error {
	if err := os.MkdirAll(k.cfg.Dir, 0o700); err != nil {
		return err
	}
	unlock, err := lockDir(k.cfg.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	if files, err := readKeys(k.cfg.Dir, nil, time.Time{}); err != nil || len(files) > 0 {
		return err
	}
	private, err := generateKey(k.cfg.Algorithm)
	if err != nil {
		return err
	}
	return writeKeyFile(k.cfg.Dir, newKeyID(time.Now()), private)
}

func newKeyID(now time.Time) string {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails, see crypto/rand
	return now.UTC().Format(kidTime) + "-" + hex.EncodeToString(random[:])
}

// writeKeyFile puts a whole key file into dir or nothing: readers do not lock.
func writeKeyFile(dir, kid string, private crypto.Signer) error {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already when all went well
	if err := writeAll(tmp, pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der})); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), filepath.Join(dir, kid+keySuffix))
}

// writeAll has the data on disk before it returns.
func writeAll(f *os.File, data []byte) error {
	_, err := f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}
