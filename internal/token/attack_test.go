package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"testing"
)

const goodHeader = `{"alg":"EdDSA","kid":"k-1","typ":"at+jwt"}`

// header builds a header around the good one's members.
func header(alg, kid, typ string) string {
	return fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":%q}`, alg, kid, typ)
}

// An attack is a token and the error that it has to meet.
type attack struct {
	raw  string
	want error
}

func TestAttacks(t *testing.T) {
	k := testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)})
	v := testVerifier(t, k)
	for name, tc := range attacks(t, k, claimsJSON(t, nil), claimsJSON(t, map[string]any{"sub": "admin"})) {
		t.Run(name, func(t *testing.T) {
			if _, err := v.Verify(t.Context(), tc.raw); !errors.Is(err, tc.want) {
				t.Fatalf("Verify: %v, want %v", err, tc.want)
			}
		})
	}
	for _, typ := range []string{"at+jwt", "AT+JWT", "application/at+jwt"} {
		if _, err := v.Verify(t.Context(), signRaw(t, k, header("EdDSA", "k-1", typ), claimsJSON(t, nil))); err != nil {
			t.Errorf("typ %s: %v, want it accepted", typ, err)
		}
	}
}

// attacks signs every attack with the real key where one can be signed at
// all: nothing is refused merely because a signature happens not to match. good
// are claims that are accepted, and others are those of another token.
func attacks(t *testing.T, k *Keyring, good, others string) map[string]attack {
	t.Helper()
	goodToken := signRaw(t, k, goodHeader, good)
	sig := goodToken[strings.LastIndex(goodToken, ".")+1:]
	withHeader := func(h string) string { return signRaw(t, k, h, good) }
	withClaims := func(c string) string { return signRaw(t, k, goodHeader, c) }
	extra := func(member string) string { return withHeader(`{` + member + `,` + goodHeader[1:]) }
	unsigned := func(alg string) string { return b64(header(alg, "k-1", "at+jwt")) + "." + b64(good) + "." }

	return map[string]attack{
		"blank":                  {"", ErrMalformed},
		"an opaque token":        {"r1.abc", ErrMalformed},
		"dots only":              {"..", ErrMalformed},
		"five parts (JWE)":       {goodToken + ".a.b", ErrMalformed},
		"trailing dot":           {goodToken + ".", ErrMalformed},
		"JSON serialisation":     {`{"payload":"e30","signatures":[]}`, ErrMalformed},
		"oversized":              {withClaims(`{"x":"` + strings.Repeat("x", MaxToken) + `",` + good[1:]), ErrMalformed},
		"line feed in header":    {signEncoded(t, k, b64(goodHeader)[:8]+"\n"+b64(goodHeader)[8:]+"."+b64(good)), ErrMalformed},
		"line feed in payload":   {signEncoded(t, k, b64(goodHeader)+"."+b64(good)[:8]+"\n"+b64(good)[8:]), ErrMalformed},
		"line feed in signature": {goodToken[:len(goodToken)-3] + "\n" + goodToken[len(goodToken)-3:], ErrMalformed},
		"return at the end":      {goodToken + "\r", ErrMalformed},
		"space before":           {" " + goodToken, ErrMalformed},
		"padding":                {goodToken + "==", ErrMalformed},
		"standard alphabet":      {signEncoded(t, k, b64(goodHeader)+"."+b64(good)+"+/"), ErrMalformed},
		"NUL":                    {goodToken + "\x00", ErrMalformed},
		"trailing bits, header":  {signEncoded(t, k, trailingBits(b64(goodHeader+" "))+"."+b64(good)), ErrMalformed},

		"no signature":              {goodToken[:len(goodToken)-len(sig)], ErrInvalid},
		"null signature":            {goodToken[:len(goodToken)-len(sig)] + b64("null"), ErrInvalid},
		"zero signature (psychic)":  {goodToken[:len(goodToken)-len(sig)] + b64(strings.Repeat("\x00", 64)), ErrInvalid},
		"trailing bits, signature":  {trailingBits(goodToken), ErrInvalid},
		"none":                      {unsigned("none"), ErrInvalid},
		"none with a signature":     {withHeader(header("none", "k-1", "at+jwt")), ErrInvalid},
		"None":                      {withHeader(header("None", "k-1", "at+jwt")), ErrInvalid},
		"NONE":                      {unsigned("NONE"), ErrInvalid},
		"nOnE":                      {unsigned("nOnE"), ErrInvalid},
		"none with a space":         {unsigned("none "), ErrInvalid},
		"alg empty":                 {withHeader(header("", "k-1", "at+jwt")), ErrInvalid},
		"alg in other case":         {withHeader(header("eddsa", "k-1", "at+jwt")), ErrInvalid},
		"alg of another key type":   {withHeader(header("ES256", "k-1", "at+jwt")), ErrInvalid},
		"alg HS256":                 {withHeader(header("HS256", "k-1", "at+jwt")), ErrInvalid},
		"alg missing":               {withHeader(`{"kid":"k-1","typ":"at+jwt"}`), ErrInvalid},
		"alg null":                  {withHeader(`{"alg":null,"kid":"k-1","typ":"at+jwt"}`), ErrInvalid},
		"alg a list":                {withHeader(`{"alg":["EdDSA"],"kid":"k-1","typ":"at+jwt"}`), ErrMalformed},
		"alg twice":                 {extra(`"alg":"none"`), ErrMalformed},
		"kid twice":                 {extra(`"kid":"k-1"`), ErrMalformed},
		"kid twice, once escaped":   {extra(`"k\u0069d":"k-1"`), ErrMalformed},
		"kid missing":               {withHeader(`{"alg":"EdDSA","typ":"at+jwt"}`), ErrInvalid},
		"kid unknown":               {withHeader(header("EdDSA", "k-2", "at+jwt")), ErrInvalid},
		"kid empty":                 {withHeader(header("EdDSA", "", "at+jwt")), ErrInvalid},
		"kid with a path":           {withHeader(header("EdDSA", "../../dev/null", "at+jwt")), ErrInvalid},
		"kid with SQL":              {withHeader(header("EdDSA", "x' UNION SELECT 'k", "at+jwt")), ErrInvalid},
		"kid with a command":        {withHeader(header("EdDSA", "k-1|sleep 9", "at+jwt")), ErrInvalid},
		"kid with NUL":              {withHeader(`{"alg":"EdDSA","kid":"k-1\u0000","typ":"at+jwt"}`), ErrInvalid},
		"header oversized":          {withHeader(`{"alg":"EdDSA","kid":"k-1","typ":"at+jwt","x":"` + strings.Repeat("x", MaxToken) + `"}`), ErrMalformed},
		"signature oversized":       {goodToken + strings.Repeat("A", MaxToken), ErrMalformed},
		"signature longer":          {goodToken + "AAAA", ErrInvalid},
		"kid too long":              {withHeader(header("EdDSA", strings.Repeat("k", 65), "at+jwt")), ErrInvalid},
		"crit":                      {extra(`"crit":["exp"]`), ErrInvalid},
		"crit b64":                  {extra(`"b64":false,"crit":["b64"]`), ErrInvalid},
		"jwk embedded":              {extra(`"jwk":{"kty":"OKP","crv":"Ed25519","x":"AA"}`), ErrInvalid},
		"jku":                       {extra(`"jku":"https://evil.example/jwks.json"`), ErrInvalid},
		"x5u":                       {extra(`"x5u":"https://evil.example/c.pem"`), ErrInvalid},
		"x5c":                       {extra(`"x5c":["AA"]`), ErrInvalid},
		"cty":                       {extra(`"cty":"JWT"`), ErrInvalid},
		"zip":                       {extra(`"zip":"DEF"`), ErrInvalid},
		"ALG beside alg":            {extra(`"ALG":"none"`), ErrInvalid},
		"typ JWT":                   {withHeader(header("EdDSA", "k-1", "JWT")), ErrInvalid},
		"typ logout":                {withHeader(header("EdDSA", "k-1", "logout+jwt")), ErrInvalid},
		"typ missing":               {withHeader(`{"alg":"EdDSA","kid":"k-1"}`), ErrInvalid},
		"typ padded":                {withHeader(header("EdDSA", "k-1", " at+jwt")), ErrInvalid},
		"header a list":             {withHeader(`[` + goodHeader + `]`), ErrMalformed},
		"header null":               {withHeader(`null`), ErrMalformed},
		"header with a tail":        {withHeader(goodHeader + `{}`), ErrMalformed},
		"header cut":                {withHeader(goodHeader[:len(goodHeader)-1]), ErrMalformed},
		"header not UTF-8":          {withHeader("{\"alg\":\"EdDSA\",\"kid\":\"k-1\",\"typ\":\"at+jwt\xff\"}"), ErrMalformed},
		"claims twice":              {withClaims(`{"sub":"admin",` + good[1:]), ErrMalformed},
		"claims twice, once hidden": {withClaims(`{"s\u0075b":"admin",` + good[1:]), ErrMalformed},
		"claims of many members":    {withClaims(manyMembers(maxMembers + 1)), ErrMalformed},
		"claims with a tail":        {withClaims(good + `x`), ErrMalformed},
		"claims a string":           {withClaims(`"x"`), ErrMalformed},
		"claims not UTF-8":          {withClaims(`{"x":"` + "\xff" + `",` + good[1:]), ErrMalformed},
		"claims of another token":   {b64(goodHeader) + "." + b64(others) + "." + sig, ErrInvalid},
	}
}

// TestPublicKeyAsHMACSecret is the HS/RS confusion: a token made with what
// everybody knows.
func TestPublicKeyAsHMACSecret(t *testing.T) {
	for _, key := range []crypto.Signer{edKey(t), ecKey(t, elliptic.P256()), rsaKey(t, 2048)} {
		k := testKeyring(t, map[string]crypto.Signer{"k-1": key})
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range [][]byte{der, k.JWKS(), {}} {
			signed := b64(header("HS256", "k-1", "at+jwt")) + "." + b64(claimsJSON(t, nil))
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(signed))
			raw := signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
			if _, err := testVerifier(t, k).Verify(t.Context(), raw); !errors.Is(err, ErrInvalid) {
				t.Errorf("%T: %v, want ErrInvalid", key, err)
			}
		}
	}
}

// TestPsychicSignatures: ECDSA signatures of zeros, in both encodings, and a
// good one in the wrong encoding. A good one has exactly 64 bytes (RFC 7518
// section 3.4).
func TestPsychicSignatures(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	k := testKeyring(t, map[string]crypto.Signer{"k-1": key})
	signed := b64(header("ES256", "k-1", "at+jwt")) + "." + b64(claimsJSON(t, nil))
	digest := sha256.Sum256([]byte(signed))
	der, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	for name, sig := range map[string]string{
		"zeros": strings.Repeat("\x00", 64), "zeros in DER": "\x30\x06\x02\x01\x00\x02\x01\x00", "good in DER": string(der), "none": "",
		"r of zero": strings.Repeat("\x00", 32) + strings.Repeat("\x01", 32), "order": string(elliptic.P256().Params().N.Bytes()) + strings.Repeat("\x01", 32),
	} {
		if _, err := testVerifier(t, k).Verify(t.Context(), signed+"."+b64(sig)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
}

// TestMutations changes good tokens at random. The seed is printed.
func TestMutations(t *testing.T) {
	k := testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)})
	v := testVerifier(t, k)
	good := mint(t, k, goodClaims())
	seed := mathrand.Uint64()
	t.Logf("seed %d", seed)
	rng := mathrand.New(mathrand.NewPCG(seed, 0))
	for range 10_000 {
		raw := mutate(rng, good)
		if raw == good {
			continue
		}
		if _, err := v.Verify(t.Context(), raw); err == nil {
			t.Fatalf("accepted %q, mutated from %q", raw, good)
		}
	}
}

func mutate(rng *mathrand.Rand, s string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=\n+/"
	i, j := rng.IntN(len(s)), rng.IntN(len(s))
	i, j = min(i, j), max(i, j)
	letter := string(letters[rng.IntN(len(letters))])
	switch rng.IntN(7) {
	case 0:
		return s[:i] + letter + s[i+1:]
	case 1:
		return s[:i] + letter + s[i:]
	case 2:
		return s[:i] + s[i+1:]
	case 3:
		return s[:i] + s[j:]
	case 4:
		return s[:j] + s[i:]
	case 5:
		return s[:len(s)-1-rng.IntN(3)] + letter
	}
	return s[:i] + string(s[i]^byte(1<<rng.IntN(7))) + s[i+1:]
}

// trailingBits sets a bit that the last letter of s does not need.
func trailingBits(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, s[len(s)-1])
	return s[:len(s)-1] + string(alphabet[last|1])
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"x%d":0`, i)
	}
	return "{" + b.String()[1:] + "}"
}
