package token

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"
)

const (
	testIssuer   = "https://issuer.example"
	testAudience = "https://api.example"
)

// testNow is the verifiers' clock: whole seconds, so that bounds are exact.
var testNow = time.Unix(1_800_000_000, 0)

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func testKeyring(t testing.TB, keys map[string]crypto.Signer) *Keyring {
	t.Helper()
	files := map[string]keyFile{}
	for i, kid := range slices.Sorted(maps.Keys(keys)) {
		public, err := NewPublicKey(kid, keys[kid].Public())
		if err != nil {
			t.Fatal(err)
		}
		made, err := derive(keys[kid])
		if err != nil {
			t.Fatal(err)
		}
		files[kid] = keyFile{key: keyPair{public: public, private: keys[kid], derived: made, created: time.Unix(int64(i), 0)}}
	}
	k := &Keyring{}
	r, err := k.newRing(files, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	k.ring.Store(r)
	return k
}

func edKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ecKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func testVerifier(t testing.TB, keys KeySource) *Verifier {
	t.Helper()
	v, err := NewVerifier(VerifierConfig{
		Issuer: testIssuer, Audience: testAudience, Leeway: 5 * time.Second,
		Keys: keys, Now: func() time.Time { return testNow },
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func goodClaims() Claims {
	return Claims{
		Issuer: testIssuer, Subject: "u-1", ClientID: "web", ID: "j-1", SessionID: "s-1",
		Tenant: "default", Device: "d-1", Scope: "read write", Region: "local",
		Audience: []string{testAudience}, Roles: []string{"admin", "dev"},
		IssuedAt: testNow.Add(-time.Minute), ExpiresAt: testNow.Add(time.Minute),
		IssuedAtMillis: testNow.UnixMilli(),
	}
}

func mint(t testing.TB, k *Keyring, c Claims) string {
	t.Helper()
	raw, err := k.Mint(c)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// claimsJSON is the payload of a good token with some members replaced, or
// removed where the change is nil.
func claimsJSON(t testing.TB, change map[string]any) string {
	t.Helper()
	c := goodClaims()
	data, err := json.Marshal(wireOf(&c))
	if err != nil {
		t.Fatal(err)
	}
	members := map[string]any{}
	if err := json.Unmarshal(data, &members); err != nil {
		t.Fatal(err)
	}
	members["exp"], members["iat"] = c.ExpiresAt.Unix(), c.IssuedAt.Unix()
	members["iat_ms"] = c.IssuedAtMillis
	maps.Copy(members, change)
	maps.DeleteFunc(members, func(_ string, v any) bool { return v == nil })
	if data, err = json.Marshal(members); err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// signRaw signs any header and payload as the issuer would: the attacks that
// use it are refused for what they say, not for a bad signature.
func signRaw(t testing.TB, k *Keyring, header, payload string) string {
	t.Helper()
	return signEncoded(t, k, b64(header)+"."+b64(payload))
}

func signEncoded(t testing.TB, k *Keyring, signed string) string {
	t.Helper()
	sig, err := k.signing().public.method.Sign(signed, k.signing().private)
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// keySourceFunc makes a KeySource of a function.
type keySourceFunc func(ctx context.Context, kid string) (PublicKey, error)

func (f keySourceFunc) Key(ctx context.Context, kid string) (PublicKey, error) { return f(ctx, kid) }
