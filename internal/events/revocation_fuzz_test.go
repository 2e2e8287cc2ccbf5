package events

import (
	"errors"
	"reflect"
	"testing"
)

// FuzzDecodeRevocation: whatever stands in the log is refused with the known
// error, or can be applied, and says the same when it is written again.
func FuzzDecodeRevocation(f *testing.F) {
	good, err := Revocation{ID: "r-1", Scope: ScopeSession, Issuer: "https://i", Subject: "s-1", Stamp: 1, TTLMillis: 2, Reason: "x"}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		string(good), "", "null", "{}", "[]", string(good) + "x", string(good[:len(good)-1]),
		`{"id":"r","scope":"everything","iss":"i","sub":"s","ttl_ms":1}`, `{"id":"r","scope":"token","iss":"i","sub":"","ttl_ms":1}`,
		`{"id":"r","scope":"token","iss":"i","sub":"s","ttl_ms":-1}`, `{"id":"r","scope":"token","iss":"i","sub":"s","ttl_ms":9223372036854775807}`,
		`{"id":"r","scope":"token","iss":"i","sub":"s","ttl_ms":1152921504606846976}`, `{"id":"r","scope":"token","iss":"i","sub":"s", "ttl_ms":1152921504606846976}`,
		`{"id":"r","scope":"token","iss":"i","sub":"s","ttl_ms":1e3}`, `{"id":"\u0072","ID":"q","scope":"token","iss":"i","sub":"s","ttl_ms":1,"new":{"a":[]}}`,
		"{\"id\":\"r\xff\",\"scope\":\"token\",\"iss\":\"i\",\"sub\":\"s\",\"ttl_ms\":1}", `{"id":"r","id":"q","scope":"token","iss":"i","sub":"s","ttl_ms":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := DecodeRevocation(data)
		if err != nil {
			if !errors.Is(err, ErrBadRevocation) {
				t.Fatalf("unknown error %v", err)
			}
			return
		}
		if r.TTL() <= 0 || r.TTL() > MaxTTL || r.TTL().Milliseconds() != r.TTLMillis || len(r.Subject) > MaxSubject || r.Key() == "" {
			t.Fatalf("took %+v", r)
		}
		again, err := r.Encode()
		if err != nil {
			t.Fatalf("%+v cannot be written: %v", r, err)
		}
		// Text that is not UTF-8 is replaced once, and then stays.
		once, err := DecodeRevocation(again)
		if err != nil {
			t.Fatalf("%s cannot be read: %v", again, err)
		}
		if twice, err := once.Encode(); err != nil || string(twice) != string(again) || !reflect.DeepEqual(once.Key(), mustDecode(t, twice).Key()) {
			t.Fatalf("%s became %s, %v", again, twice, err)
		}
	})
}

func mustDecode(t *testing.T, data []byte) Revocation {
	t.Helper()
	r, err := DecodeRevocation(data)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
