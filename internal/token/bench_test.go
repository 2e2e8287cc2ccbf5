package token

import (
	"crypto"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The two benchmarks are a pair: what a token costs at first sight here, and
// what the same token costs golang-jwt with every check of its own switched
// on. docs/keys.md says how they compare.

func BenchmarkColdVerify(b *testing.B) {
	k := testKeyring(b, map[string]crypto.Signer{"k-1": edKey(b)})
	v, raw := testVerifier(b, k), mint(b, k, goodClaims())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkColdGolangJWT(b *testing.B) {
	k := testKeyring(b, map[string]crypto.Signer{"k-1": edKey(b)})
	raw := mint(b, k, goodClaims())
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithIssuer(testIssuer), jwt.WithAudience(testAudience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(5*time.Second), jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(func() time.Time { return testNow }))
	keys := func(t *jwt.Token) (any, error) { return k.ring.Load().public[t.Header["kid"].(string)].key, nil }
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parser.ParseWithClaims(raw, new(wireClaims), keys); err != nil {
			b.Fatal(err)
		}
	}
}
