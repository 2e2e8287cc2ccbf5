package token

import (
	"crypto"
	"crypto/elliptic"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestJWKSRoundTrip(t *testing.T) {
	k := testKeyring(t, map[string]crypto.Signer{"a": edKey(t), "b": ecKey(t, elliptic.P256()), "c": rsaKey(t, 2048)})
	set, skipped, err := parseJWKS(k.JWKS())
	if err != nil || skipped != 0 || !slices.Equal(slices.Sorted(maps.Keys(set)), []string{"a", "b", "c"}) {
		t.Fatalf("parseJWKS = %v, %d skipped, %v", set, skipped, err)
	}
	for kid, want := range k.ring.Load().public {
		if !want.key.(interface{ Equal(crypto.PublicKey) bool }).Equal(set[kid].key) || set[kid].method != want.method {
			t.Errorf("key %s did not survive", kid)
		}
	}
}

// TestJWKSHoldsPublicPartsOnly names every member that may be published.
func TestJWKSHoldsPublicPartsOnly(t *testing.T) {
	k := testKeyring(t, map[string]crypto.Signer{"a": edKey(t), "b": ecKey(t, elliptic.P256()), "c": rsaKey(t, 2048)})
	var doc struct{ Keys []map[string]string }
	if err := json.Unmarshal(k.JWKS(), &doc); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": "alg crv kid kty use x", "b": "alg crv kid kty use x y", "c": "alg e kid kty n use"}
	for _, jwk := range doc.Keys {
		if got := strings.Join(slices.Sorted(maps.Keys(jwk)), " "); got != want[jwk["kid"]] || jwk["use"] != "sig" {
			t.Errorf("key %s has members %s, want %s", jwk["kid"], got, want[jwk["kid"]])
		}
	}
}

// jwk is the JWK of a fresh key, with some members replaced.
func jwk(t *testing.T, key crypto.Signer, change map[string]any) string {
	t.Helper()
	var doc struct{ Keys []map[string]any }
	if err := json.Unmarshal(testKeyring(t, map[string]crypto.Signer{"k": key}).JWKS(), &doc); err != nil {
		t.Fatal(err)
	}
	maps.Copy(doc.Keys[0], change)
	maps.DeleteFunc(doc.Keys[0], func(_ string, v any) bool { return v == nil })
	data, err := json.Marshal(doc.Keys[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestKeysThatAreNotTrusted(t *testing.T) {
	type change = map[string]any
	ed, ec, rs := edKey(t), ecKey(t, elliptic.P256()), rsaKey(t, 2048)
	good := jwk(t, edKey(t), change{"kid": "good"})
	for name, tc := range map[string]struct {
		jwk   string
		taken bool
	}{
		"as published":          {jwk(t, ed, nil), true},
		"no use, no alg":        {jwk(t, ec, change{"use": nil, "alg": nil}), true},
		"key_ops verify":        {jwk(t, rs, change{"use": nil, "key_ops": []string{"verify"}}), true},
		"x5u is not followed":   {jwk(t, ed, change{"x5u": "https://evil.example/"}), true},
		"for encryption":        {jwk(t, ed, change{"use": "enc"}), false},
		"key_ops sign":          {jwk(t, ed, change{"key_ops": []string{"sign"}}), false},
		"symmetric":             {`{"kty":"oct","kid":"k","alg":"HS256","k":"AAAA"}`, false},
		"symmetric in part":     {jwk(t, ed, change{"k": "AAAA"}), false},
		"private":               {jwk(t, ed, change{"d": "AAAA"}), false},
		"alg of another type":   {jwk(t, rs, change{"alg": "HS256"}), false},
		"alg of the same type":  {jwk(t, rs, change{"alg": "RS512"}), false},
		"no kid":                {jwk(t, ed, change{"kid": nil}), false},
		"kid with a path":       {jwk(t, ed, change{"kid": "../k"}), false},
		"a point off its curve": {jwk(t, ec, change{"x": "AQAB"}), false},
		"P-384":                 {`{"kty":"EC","crv":"P-384","kid":"k","x":"AQAB","y":"AQAB"}`, false},
		"X25519":                {jwk(t, ed, change{"crv": "X25519", "alg": nil}), false},
		"RSA of 1024 bits":      {`{"kty":"RSA","kid":"k","e":"AQAB","n":"` + strings.Repeat("_", 171) + `"}`, false},
		"RSA of 16384 bits":     {`{"kty":"RSA","kid":"k","e":"AQAB","n":"` + strings.Repeat("_", 2731) + `"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			set, skipped, err := parseJWKS([]byte(`{"keys":[` + tc.jwk + `,` + good + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			if _, taken := set["k"]; taken != tc.taken || len(set)+skipped != 2 || set["good"].method == nil {
				t.Fatalf("taken %v, %d keys, %d skipped; want taken %v", taken, len(set), skipped, tc.taken)
			}
		})
	}
}

func TestSetsThatAreNotTrusted(t *testing.T) {
	key := jwk(t, edKey(t), nil)
	many := make([]string, maxKeys+1)
	for i := range many {
		many[i] = strings.Replace(key, `"kid":"k"`, fmt.Sprintf(`"kid":"k%d"`, i), 1)
	}
	set := func(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }
	for name, doc := range map[string]string{
		"not JSON": `<html>`, "null": `null`, "no keys": set(), "no usable key": set(`{"kty":"oct","kid":"k","k":"AA"}`),
		"one kid twice": set(key, jwk(t, edKey(t), nil)), "too many": set(many...),
	} {
		if got, _, err := parseJWKS([]byte(doc)); err == nil {
			t.Errorf("%s: took %d keys", name, len(got))
		}
	}
	if got, _, err := parseJWKS([]byte(set(many[:maxKeys]...))); err != nil || len(got) != maxKeys {
		t.Errorf("as many as allowed: %d, %v", len(got), err)
	}
}
