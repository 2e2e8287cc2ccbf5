package token

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"time"
)

// The purposes keep what is derived from a key apart from every other use of it
// (RFC 5869 section 3.2).
const (
	markPurpose   = "curfew revocation mark"
	familyPurpose = "curfew refresh family"
)

// derived is what is made of a private key, for HMACs (RFC 2104).
type derived struct {
	mark   []byte // see Mark
	family []byte // see Family
}

// Mark shows whoever has the same keys that one of them wrote data for a region,
// whose name has no zero byte. It is an HMAC (RFC 2104), and so costs little; its
// key is derived from the newest key of the directory, even where an HS256 secret
// signs tokens: edges know that. Regions may share keys, and what is revoked in one
// is not revoked in another.
func (k *Keyring) Mark(region string, data []byte) string {
	keys := k.ring.Load().keys
	key := keys[signer(keys, time.Now())]
	return key.public.id + "." + markOf(key.derived.mark, region, data)
}

// Marked reports whether data bears the mark of a key that has not retired.
func (k *Keyring) Marked(region string, data []byte, mark string) bool {
	dot := strings.LastIndexByte(mark, '.') // a kid may have dots
	if dot < 0 {
		return false
	}
	for _, key := range k.ring.Load().keys {
		if key.public.id == mark[:dot] {
			return hmac.Equal([]byte(markOf(key.derived.mark, region, data)), []byte(mark[dot+1:]))
		}
	}
	return false
}

func markOf(key []byte, region string, data []byte) string {
	return base64.RawURLEncoding.EncodeToString(macOf(key, region, data))
}

func macOf(key []byte, region string, data []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(append([]byte(region), 0))
	mac.Write(data)
	return mac.Sum(nil)
}

// FamilySize is the length of a family part, in bytes.
const FamilySize = 16

// Family returns the family part for the refresh tokens of a session that this
// keyring's issuer opens in a region. Nobody can make it without the keys, so it
// shows that the session was opened, also after every store has forgotten it.
func (k *Keyring) Family(region string, session []byte) [FamilySize]byte {
	keys := k.ring.Load().keys
	return familyOf(keys[signer(keys, time.Now())], region, session)
}

// IsFamily reports whether Family has made it, by a key that has not retired.
func (k *Keyring) IsFamily(region string, session []byte, family [FamilySize]byte) bool {
	for _, key := range k.ring.Load().keys {
		want := familyOf(key, region, session)
		if hmac.Equal(want[:], family[:]) {
			return true
		}
	}
	return false
}

func familyOf(key keyPair, region string, session []byte) [FamilySize]byte {
	return [FamilySize]byte(macOf(key.derived.family, region, session))
}

// derive makes of a private key what does not sign.
func derive(private any) (d derived, err error) {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return d, err
	}
	if d.mark, err = hkdf.Key(sha256.New, der, nil, markPurpose, sha256.Size); err != nil {
		return d, err
	}
	d.family, err = hkdf.Key(sha256.New, der, nil, familyPurpose, sha256.Size)
	return d, err
}
