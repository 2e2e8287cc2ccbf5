package session

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

const (
	refreshPrefix = "cfr_"
	// refreshBytes are the session's UUID, the family part and the secret.
	refreshBytes = 16 + 16 + 32
)

// refreshLength is the one length a refresh token has.
var refreshLength = len(refreshPrefix) + base64.RawURLEncoding.EncodedLen(refreshBytes)

// A refreshToken is opaque to clients. The family part stays the same for the
// whole session: it proves that a wrong secret was once the right one, so
// that nobody can end a session by guessing secrets for its public id.
type refreshToken struct {
	session uuid.UUID
	family  [16]byte
	secret  [32]byte
}

func newRefreshToken(session uuid.UUID) refreshToken {
	t := refreshToken{session: session}
	rand.Read(t.family[:]) // never fails
	rand.Read(t.secret[:])
	return t
}

// IsRefreshToken tells a refresh token from an access token by its form. It
// says nothing about whether the token is good.
func IsRefreshToken(raw string) bool { return strings.HasPrefix(raw, refreshPrefix) }

// parseRefresh accepts exactly what encode wrote.
func parseRefresh(raw string) (refreshToken, error) {
	var t refreshToken
	if len(raw) != refreshLength || !IsRefreshToken(raw) {
		return t, fmt.Errorf("%w: malformed", ErrRefreshInvalid)
	}
	// The decoder skips line breaks; a token with some then comes out short.
	b, err := base64.RawURLEncoding.Strict().DecodeString(raw[len(refreshPrefix):])
	if err != nil || len(b) != refreshBytes {
		return t, fmt.Errorf("%w: malformed", ErrRefreshInvalid)
	}
	copy(t.session[:], b[:16])
	copy(t.family[:], b[16:32])
	copy(t.secret[:], b[32:])
	return t, nil
}

func (t refreshToken) encode() string {
	b := make([]byte, 0, refreshBytes)
	b = append(b, t.session[:]...)
	b = append(b, t.family[:]...)
	b = append(b, t.secret[:]...)
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(b)
}

// String keeps the token out of logs and errors.
func (t refreshToken) String() string { return refreshPrefix + "[redacted]" }

// GoString keeps it out of %#v too.
func (t refreshToken) GoString() string { return t.String() }

// successor derives the next token. Whoever holds the predecessor and learns
// the salt gets the same one; the store holds the salt and only hashes.
func (t refreshToken) successor(salt [16]byte) refreshToken {
	mac := hmac.New(sha256.New, t.secret[:])
	mac.Write([]byte("curfew refresh v1"))
	mac.Write(salt[:])
	t.secret = [32]byte(mac.Sum(nil))
	return t
}

func (t refreshToken) familyHash() [32]byte { return sha256.Sum256(t.family[:]) }
func (t refreshToken) secretHash() [32]byte { return sha256.Sum256(t.secret[:]) }
