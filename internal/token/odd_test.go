package token

import (
	"crypto"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"
)

// odd are claims as JSON text, GOOD standing for a good date, which no issuer should make, and what becomes of
// a token that has them: the same for ours and for another issuer's. Half of
// them used to pass, because package jwt takes strings for dates and
// encoding/json takes any half of a UTF-16 pair for U+FFFD.
var odd = []struct {
	name, claim, value string
	want               error
}{
	{"exp a string", "exp", `"GOOD"`, ErrInvalid},
	{"exp an empty string", "exp", `""`, ErrInvalid},
	{"exp null", "exp", `null`, ErrInvalid},
	{"exp a list", "exp", `[GOOD]`, ErrInvalid},
	{"exp an object", "exp", `{}`, ErrInvalid},
	{"exp true", "exp", `true`, ErrInvalid},
	{"exp with a fraction", "exp", `GOOD.75`, nil},
	{"exp with an exponent", "exp", `GOOD0e-1`, nil},
	{"exp 0", "exp", `0`, ErrInvalid},
	{"exp below 1", "exp", `0.99`, ErrInvalid},
	{"exp negative", "exp", `-GOOD`, ErrInvalid},
	{"exp beyond time", "exp", `1e30`, ErrInvalid},
	{"exp beyond a float", "exp", `1e999`, ErrInvalid},
	{"exp at 2^63", "exp", `9223372036854775808`, ErrInvalid},
	{"exp at 2^64 and what is good", "exp", `18446744075509551616`, ErrInvalid},
	{"iat a string", "iat", `"GOOD"`, ErrInvalid},
	{"iat with a fraction", "iat", `GOOD.99`, nil},
	{"iat with an exponent", "iat", `1.8e9`, nil},
	{"iat beyond time", "iat", `1e30`, ErrInvalid},
	{"iat negative", "iat", `-1`, ErrInvalid},
	{"nbf a string", "nbf", `"GOOD"`, ErrInvalid},
	{"nbf null", "nbf", `null`, nil},
	{"nbf 0", "nbf", `0`, nil}, // Keycloak's for none
	{"nbf with a fraction", "nbf", `GOOD.5`, nil},
	{"nbf beyond time", "nbf", `1e300`, ErrInvalid}, // became a time long past
	{"nbf at 2^63", "nbf", `9223372036854775808`, ErrInvalid},
	{"nbf negative", "nbf", `-1`, ErrInvalid},
	{"nbf true", "nbf", `true`, ErrInvalid},
	{"sub empty", "sub", `""`, ErrInvalid},
	{"sub null", "sub", `null`, ErrInvalid},
	{"sub a number", "sub", `7`, ErrInvalid},
	{"sub a list", "sub", `["u-1"]`, ErrInvalid},
	{"sub half a pair", "sub", `"u\ud800"`, ErrInvalid},
	{"sub the other half", "sub", `"\udc00u"`, ErrInvalid},
	{"sub two first halves", "sub", `"\ud83d\ud83d"`, ErrInvalid},
	{"sub a pair in the wrong order", "sub", `"\ude00\ud83d"`, ErrInvalid},
	{"sub half a pair and an escape", "sub", `"\ud83d\n"`, ErrInvalid},
	{"sub half a pair after a backslash", "sub", `"\\\ud83d"`, ErrInvalid},
	{"sub a pair", "sub", `"\ud83d\ude00"`, nil},
	{"sub that only looks like one", "sub", `"\\ud83d"`, nil},
	{"sub U+FFFD", "sub", `"\ufffd"`, nil},
	{"jti a number", "jti", `7`, ErrInvalid},
	{"jti a list", "jti", `["j-1"]`, ErrInvalid},
	{"jti true", "jti", `true`, ErrInvalid},
	{"jti half a pair", "jti", `"\uDBFF"`, ErrInvalid},
	{"sid a number", "sid", `1`, ErrInvalid},
	{"sid an object", "sid", `{"id":"s-1"}`, ErrInvalid},
	{"sid half a pair", "sid", `"\udfff"`, ErrInvalid},
	{"iss half a pair", "iss", `"\ud800"`, ErrInvalid},
	{"aud a number", "aud", `7`, ErrInvalid},
	{"aud with a number", "aud", `["https://api.example",7]`, ErrInvalid},
	{"aud with null", "aud", `["https://api.example",null]`, ErrInvalid},
	{"aud within a list", "aud", `[["https://api.example"]]`, ErrInvalid},
	{"aud an object", "aud", `{"https://api.example":1}`, ErrInvalid},
	{"aud null", "aud", `null`, ErrInvalid},
	{"aud with half a pair", "aud", `["https://api.example","\ud800"]`, ErrInvalid},
	{"roles with half a pair", "roles", `["admin","\ud800"]`, ErrInvalid},
	{"roles with null", "roles", `["admin",null]`, ErrInvalid},
	{"roles with an object", "roles", `[{}]`, ErrInvalid},
	{"roles a number", "roles", `7`, ErrInvalid},
	{"roles null", "roles", `null`, nil},
	{"scope a number", "scope", `7`, ErrInvalid},
	{"scope half a pair", "scope", `"read \ud800"`, ErrInvalid},
	{"half a pair where nobody looks", "nickname", `"\ud83d"`, nil}, // cut from a name: scripts do that
	{"half a pair in a name", "x\\ud800", `1`, ErrMalformed},
}

func TestOddClaims(t *testing.T) {
	k := testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)})
	theirs := foreignConfig(elsewhere, k)
	theirs.Roles = []string{"roles"}
	i, err := NewIssuers(testVerifier(t, k), theirs)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range odd {
		good := map[string]int64{"exp": testNow.Unix() + 60, "iat": testNow.Unix() - 1, "nbf": testNow.Unix()}[o.claim]
		value := strings.ReplaceAll(o.value, "GOOD", strconv.FormatInt(good, 10))
		for whose, payload := range map[string]string{"ours": claimsJSON(t, map[string]any{o.claim: nil}), "theirs": foreignJSON(t, map[string]any{o.claim: nil})} {
			raw := signRaw(t, k, goodHeader, `{"`+o.claim+`":`+value+`,`+payload[1:])
			if _, err := i.Verify(t.Context(), raw); !errors.Is(err, o.want) || (err == nil) != (o.want == nil) {
				t.Errorf("%s, %s (%s): %v, want %v", whose, o.name, value, err, o.want)
			}
			if _, err := i.Authentic(t.Context(), raw); !errors.Is(err, o.want) || (err == nil) != (o.want == nil) {
				t.Errorf("%s, %s (%s), to be revoked: %v, want %v", whose, o.name, value, err, o.want)
			}
		}
	}
}

// The odd claims below an object are held to the same.
func TestOddNestedClaims(t *testing.T) {
	k := testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)})
	cfg := foreignConfig(elsewhere, k)
	cfg.User, cfg.Session, cfg.Tenant = []string{"user", "id"}, []string{"user", "session", "id"}, []string{"user", "tenant"}
	i := testIssuers(t, cfg)
	for user, want := range map[string]error{
		`{"id":"u-1"}`: nil,
		`{"id":"u-1","session":{"id":"s-1"},"tenant":"acme"}`:       nil,
		`{"id":"u-1","nickname":"\ud83d","session":{"x":"\ud83d"}}`: nil,
		`{"id":"u\ud800"}`:                       ErrInvalid,
		`{"id":""}`:                              ErrInvalid,
		`{"id":null}`:                            ErrInvalid,
		`{}`:                                     ErrInvalid,
		`null`:                                   ErrInvalid,
		`"u-1"`:                                  ErrInvalid,
		`["id"]`:                                 ErrInvalid,
		`{"id":{"id":"u-1"}}`:                    ErrInvalid,
		`{"id":["u-1"]}`:                         ErrInvalid,
		`{"id":7}`:                               ErrInvalid,
		`{"id":"u-1","session":"s-1"}`:           ErrInvalid,
		`{"id":"u-1","session":{"id":1}}`:        ErrInvalid,
		`{"id":"u-1","session":{"id":"\udc00"}}`: ErrInvalid,
		`{"id":"u-1","tenant":"\ud800"}`:         ErrInvalid,
		`{"id":"u-1","tenant":true}`:             ErrInvalid,
		`{"id":"u-1","id":"u-2"}`:                ErrMalformed,
		`{"id":"u-1","session":{"id":"s-1","\u0069d":"s-2"}}`:        ErrMalformed,
		`{"id":"u-1","session":{"id":"s-1"},"session":{"id":"s-2"}}`: ErrMalformed,
	} {
		raw := signRaw(t, k, goodHeader, foreignJSON(t, map[string]any{"user": json.RawMessage(user)}))
		if _, err := i.Verify(t.Context(), raw); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%s: %v, want %v", user, err, want)
		}
	}
}

// A fraction of a second is dropped, so that nothing lasts longer than it says.
func TestFractionsOfDates(t *testing.T) {
	for number, want := range map[string]int64{"1e9": 1e9, "1.5": 1, "1.999": 1, "12345678901e-1": 1234567890, "1e0": 1, "1099511627775": maxUnix - 1} {
		var d date
		if err := json.Unmarshal([]byte(number), &d); err != nil || !d.Equal(time.Unix(want, 0)) {
			t.Errorf("%s: %v, %v; want %d", number, d.Unix(), err, want)
		}
	}
}
