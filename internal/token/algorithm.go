package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
)

// Algorithms that tokens are signed with, by their JOSE names (RFC 7518
// section 3.1, RFC 8037 section 3.1).
const (
	EdDSA = "EdDSA" // Ed25519, the default
	ES256 = "ES256" // ECDSA on P-256
	RS256 = "RS256" // RSA with PKCS #1 v1.5
	HS256 = "HS256" // a secret that issuers and edges share, see hs256.go
)

// newRSABits is the size of RSA keys made here.
const newRSABits = 3072

// generateKey makes a key for a file. There is none for HS256, whose secret is
// a setting.
func generateKey(algorithm string) (crypto.Signer, error) {
	switch algorithm {
	case "", EdDSA:
		_, key, err := ed25519.GenerateKey(nil)
		return key, err
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case RS256:
		return rsa.GenerateKey(rand.Reader, newRSABits)
	}
	return nil, fmt.Errorf("%w: want %s, %s or %s", ErrAlgorithm, EdDSA, ES256, RS256)
}
