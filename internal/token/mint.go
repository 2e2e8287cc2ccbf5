package token

import (
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// tokenType is the typ of every token minted here (RFC 9068 section 2.1).
const tokenType = "at+jwt"

// Mint signs the claims with the key whose turn it is. It refuses claims that Verify
// would refuse for their form; whose claims they are is the caller's affair.
func (k *Keyring) Mint(c Claims) (string, error) {
	c.IssuedAt, c.ExpiresAt = c.IssuedAt.Truncate(time.Second), c.ExpiresAt.Truncate(time.Second)
	if err := c.check(); err != nil {
		return "", fmt.Errorf("token: mint: %w", err)
	}
	key := k.signing()
	t := jwt.NewWithClaims(key.public.method, wireOf(&c))
	t.Header["typ"], t.Header["kid"] = tokenType, key.public.id
	raw, err := t.SignedString(key.private)
	if err != nil {
		return "", fmt.Errorf("token: mint: %w", err)
	}
	if len(raw) > MaxToken {
		return "", fmt.Errorf("token: mint: the claims make a token of %d bytes, over %d", len(raw), MaxToken)
	}
	return raw, nil
}
