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
// that nobody can end a session by guessing secrets for its public id. The store
// knows it; and since it is made with the issuer's keys, they prove it too, after
// the store has forgotten the session.
type refreshToken struct {
	session uuid.UUID
	family  [16]byte
	secret  [32]byte
}

func newRefreshToken(session uuid.UUID, family [16]byte) refreshToken {
	t := refreshToken{session: session, family: family}
	rand.Read(t.secret[:]) // never fails
	return t
}

// first makes the first refresh token of a session.
func (s *Service) first(session uuid.UUID) refreshToken {
	return newRefreshToken(session, s.Families.Family(s.config.Region, s.named(session)))
}

// opened reports whether an issuer with our keys has opened the session of a
// refresh token, whatever the store says. No key that has retired tells.
func (s *Service) opened(t refreshToken) bool {
	return s.Families.IsFamily(s.config.Region, s.named(t.session), t.family)
}

// named tells a session from those of other issuers.
func (s *Service) named(session uuid.UUID) []byte {
	return append([]byte(s.config.Issuer+"\x00"), session[:]...)
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
