package fleet

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

// sealHeader bears the seal of an answer.
const sealHeader = "Curfew-Seal"

// A Life is one start of an edge. Its name is a public key, so nobody else can
// confirm or say goodbye in its place, although every edge may read what the
// others are asked and what they answer.
type Life struct{ key *ecdh.PrivateKey }

// NewLife begins one.
func NewLife() *Life { return &Life{newKey()} }

// Instance is its name.
func (l *Life) Instance() string { return publicText(l.key) }

// farewell proves its end. It is the private key: an edge that has left
// confirms nothing any more.
func (l *Life) farewell() string { return base64.RawURLEncoding.EncodeToString(l.key.Bytes()) }

// ended reports whether the farewell is the instance's.
func ended(instance, farewell string) bool {
	bytes, err := base64.RawURLEncoding.DecodeString(farewell)
	if err != nil {
		return false
	}
	key, err := ecdh.X25519().NewPrivateKey(bytes)
	return err == nil && publicText(key) == instance
}

func newKey() *ecdh.PrivateKey {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		panic("fleet: " + err.Error()) // rand.Reader never fails
	}
	return key
}

func publicText(key *ecdh.PrivateKey) string {
	return base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes())
}

// shared is the secret that the key's owner has in common with the owner of a
// public key; nil if the text is not such a key.
func shared(key *ecdh.PrivateKey, public string) []byte {
	bytes, err := base64.RawURLEncoding.DecodeString(public)
	if err != nil {
		return nil
	}
	other, err := ecdh.X25519().NewPublicKey(bytes)
	if err != nil {
		return nil
	}
	secret, err := key.ECDH(other)
	if err != nil {
		return nil
	}
	derived, err := hkdf.Key(sha256.New, secret, nil, "curfew fleet answer", sha256.Size)
	if err != nil {
		return nil
	}
	return derived
}

// seal shows who wrote data to whoever shares the secret.
func seal(secret, data []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write(data)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// sealed checks a seal. Nothing is sealed without a secret.
func sealed(secret, data []byte, text string) bool {
	return len(secret) > 0 && hmac.Equal([]byte(seal(secret, data)), []byte(text))
}
