package token

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/golang-jwt/jwt/v5"
)

const (
	maxKeyID   = 64
	minRSABits = 2048
	// maxRSABits keeps one verification from costing milliseconds.
	maxRSABits = 8192
)

// A KeySource knows the public keys that tokens may be signed with.
type KeySource interface {
	// Key returns the key of that id. It MUST return an error that wraps
	// ErrInvalid when there is certainly no such key, and one that wraps
	// ErrKeysUnavailable when it cannot tell. It may wait, but MUST return
	// soon after ctx ends. It MUST be safe for concurrent use.
	Key(ctx context.Context, kid string) (PublicKey, error)
}

// A PublicKey verifies tokens, by the one algorithm that fits its type.
type PublicKey struct {
	id     string
	key    crypto.PublicKey
	method jwt.SigningMethod
	// withdrawn is set once the issuer no longer publishes the key. It is
	// shared by all copies.
	withdrawn *atomic.Bool
}

// NewPublicKey binds a key to its id and algorithm.
func NewPublicKey(kid string, key crypto.PublicKey) (PublicKey, error) {
	if !validKeyID(kid) {
		return PublicKey{}, fmt.Errorf("token: a kid is 1 to %d of A-Z a-z 0-9 . _ -", maxKeyID)
	}
	method, err := methodOf(key)
	if err != nil {
		return PublicKey{}, err
	}
	return PublicKey{id: kid, key: key, method: method, withdrawn: new(atomic.Bool)}, nil
}

// ID is the kid.
func (k PublicKey) ID() string { return k.id }

// Algorithm is the JOSE name of the key's algorithm (RFC 7518, RFC 8037).
func (k PublicKey) Algorithm() string { return k.method.Alg() }

func (k PublicKey) equal(other PublicKey) bool {
	key, ok := k.key.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.id == other.id && key.Equal(other.key)
}

func (k PublicKey) verify(signed string, signature []byte) error {
	return k.method.Verify(signed, signature, k.key)
}

// methodOf is the only place where key types meet algorithms. A key has one
// algorithm, so none can be confused with another (RFC 8725 section 3.1).
func methodOf(key crypto.PublicKey) (jwt.SigningMethod, error) {
	switch key := key.(type) {
	case ed25519.PublicKey:
		if len(key) == ed25519.PublicKeySize {
			return jwt.SigningMethodEdDSA, nil
		}
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return jwt.SigningMethodES256, nil
		}
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits >= minRSABits && bits <= maxRSABits {
			return jwt.SigningMethodRS256, nil
		}
	}
	return nil, errors.New("token: keys are Ed25519, ECDSA P-256, or RSA of 2048 to 8192 bits")
}

// validKeyID bounds what may be a kid. It is only ever a map key and a file's
// base name.
func validKeyID(kid string) bool {
	if kid == "" || len(kid) > maxKeyID {
		return false
	}
	for i := range len(kid) {
		c := kid[i]
		if !('A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}
