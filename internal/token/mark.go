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

// markPurpose keeps the keys of marks apart from every other use of a key
// (RFC 5869 section 3.2).
const markPurpose = "curfew revocation mark"

// Mark shows whoever has the same keys that one of them wrote data for a region,
// whose name has no zero byte. It is an HMAC (RFC 2104), and so costs little; its
// key is derived from the newest key of the directory, even where an HS256 secret
// signs tokens: edges know that. Regions may share keys, and what is revoked in one
// is not revoked in another.
func (k *Keyring) Mark(region string, data []byte) string {
	keys := k.ring.Load().keys
	key := keys[signer(keys, time.Now())]
	return key.public.id + "." + markOf(key.mark, region, data)
}

// Marked reports whether data bears the mark of a key that has not retired.
func (k *Keyring) Marked(region string, data []byte, mark string) bool {
	dot := strings.LastIndexByte(mark, '.') // a kid may have dots
	if dot < 0 {
		return false
	}
	for _, key := range k.ring.Load().keys {
		if key.public.id == mark[:dot] {
			return hmac.Equal([]byte(markOf(key.mark, region, data)), []byte(mark[dot+1:]))
		}
	}
	return false
}

func markOf(key []byte, region string, data []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write(append([]byte(region), 0))
	mac.Write(data)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// markKey derives what marks from a private key.
func markKey(private any) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	return hkdf.Key(sha256.New, der, nil, markPurpose, sha256.Size)
}
