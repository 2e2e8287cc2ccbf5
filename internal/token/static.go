package token

import (
	"context"
	"fmt"
)

// ReadKeys reads a JWK Set as a KeySource that never changes: for whoever looks
// at one token, once. Keys that are not for access tokens are left out; a set
// without any other is an error.
func ReadKeys(jwks []byte) (KeySource, error) {
	set, _, err := parseJWKS(jwks)
	return set, err
}

// Key implements KeySource.
func (s keySet) Key(_ context.Context, kid string) (PublicKey, error) {
	if key, ok := s[kid]; ok {
		return key, nil
	}
	return PublicKey{}, fmt.Errorf("%w: unknown key", ErrInvalid)
}
