package token

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// FuzzParse holds the strict parser to its promises for any input: it fails
// with one of two errors, or what it took is the only spelling of valid JSON.
func FuzzParse(f *testing.F) {
	good := b64(goodHeader) + "." + b64(`{"iss":"i","aud":["a"],"exp":1,"iat_ms":2}`) + "." + b64("signature")
	for _, seed := range []string{
		"", "..", "a.b.c", good, good + "=", good + "\n", good + ".x",
		b64(`{"alg":"none"}`) + ".e30.",
		b64(`{"alg":"EdDSA","alg":"none","kid":"k","typ":"at+jwt"}`) + ".e30.AA",
		b64(`{"crit":["x"],`+goodHeader[1:]) + ".e30.AA",
		b64(goodHeader+"{}") + ".bnVsbA.AA",
		b64(goodHeader) + "." + b64(`{"sub":"a","s\u0075b":"b"}`) + ".AA",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := takeApart(raw)
		if err != nil {
			mustBeKnown(t, err)
			return
		}
		if again := p.signed + "." + base64.RawURLEncoding.EncodeToString(p.signature); again != raw {
			t.Fatalf("%q was taken for %q", raw, again)
		}
		if !validKeyID(p.kid) || len(raw) > MaxToken {
			t.Fatalf("took kid %q, %d bytes", p.kid, len(raw))
		}
		header, _, _ := strings.Cut(raw, ".")
		mustBeJSON(t, header, 3)
		var w wireClaims
		if err := decodeObject(p.payload, w.field); err != nil {
			mustBeKnown(t, err)
			return
		}
		mustBeJSON(t, p.payload, maxMembers)
	})
}

func mustBeKnown(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrInvalid) {
		t.Fatalf("unknown error %v", err)
	}
}

func mustBeJSON(t *testing.T, encoded string, members int) {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(encoded)
	var object map[string]json.RawMessage
	if err != nil || json.Unmarshal(data, &object) != nil || len(object) > members {
		t.Fatalf("took %q", data)
	}
}
