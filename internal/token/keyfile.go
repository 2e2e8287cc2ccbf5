package token

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

const (
	// pemType is what PKCS #8 keys are called (RFC 7468 section 10).
	pemType    = "PRIVATE KEY"
	maxKeyFile = 64 << 10
	// kidTime makes kids sort by age, so that a newer key signs.
	kidTime = "20060102T150405Z"
)

// loadKey reads one key file.
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
	public, err := NewPublicKey(kid, signer.Public())
	return keyPair{public: public, private: signer}, err
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
func createFirstKey(dir string) ([]keyPair, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if keys, err := loadKeys(dir); err != nil || len(keys) > 0 {
		return keys, err
	}
	if err := writeNewKey(dir, newKeyID(time.Now())); err != nil {
		return nil, err
	}
	return loadKeys(dir)
}

func newKeyID(now time.Time) string {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails, see crypto/rand
	return now.UTC().Format(kidTime) + "-" + hex.EncodeToString(random[:])
}

// writeNewKey puts a whole key file into dir or nothing: readers do not lock.
func writeNewKey(dir, kid string) error {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
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
