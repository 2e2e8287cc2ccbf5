package edge

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"os"
)

const maxKeyFile = 16 << 10 // bytes

// assertionKey reads an Ed25519 key (PKCS #8, PEM), or makes one for this run
// if there is no file. Errors say nothing of what the file holds.
func assertionKey(file string) (ed25519.PrivateKey, error) {
	if file == "" {
		_, key, err := ed25519.GenerateKey(nil)
		return key, err
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("not a PEM file; make one with openssl genpkey -algorithm ed25519")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, ok := key.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, errors.New("not an unencrypted Ed25519 key (PKCS #8); make one with openssl genpkey -algorithm ed25519")
	}
	return private, nil
}
