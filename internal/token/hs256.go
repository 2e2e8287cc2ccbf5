package token

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync/atomic"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// MinSecret is the least length of an HS256 secret, in bytes: that of the
	// hash (RFC 7518 section 3.2).
	MinSecret = 32
	maxSecret = 4096
)

// secretKey is the key of an HS256 secret. It verifies as the public keys do
// and is therefore of their type, but is never part of a keySet: no JWK Set
// shows it, and none can bring one in.
func secretKey(secret string) (PublicKey, error) {
	if len(secret) < MinSecret || len(secret) > maxSecret {
		return PublicKey{}, fmt.Errorf("token: an HS256 secret has %d to %d bytes", MinSecret, maxSecret)
	}
	return PublicKey{id: secretKeyID(secret), key: []byte(secret), method: jwt.SigningMethodHS256, withdrawn: new(atomic.Bool)}, nil
}

// secretKeyID names a secret without telling it, so that another secret is
// another kid on both sides. Whoever has a token can test guesses of the
// secret on it anyway: the kid adds nothing to that.
func secretKeyID(secret string) string {
	sum := sha256.Sum256([]byte("curfew hs256 kid\x00" + secret))
	return "hs256-" + hex.EncodeToString(sum[:8])
}

// WithSecret returns keys with an HS256 secret added, or keys if there is
// none. The secret is only ever found under its own kid.
func WithSecret(keys KeySource, secret string) (KeySource, error) {
	if secret == "" {
		return keys, nil
	}
	key, err := secretKey(secret)
	return withSecret{keys, key}, err
}

type withSecret struct {
	KeySource
	secret PublicKey
}

func (s withSecret) Key(ctx context.Context, kid string) (PublicKey, error) {
	if kid == s.secret.id {
		return s.secret, nil
	}
	return s.KeySource.Key(ctx, kid)
}
