package token

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"
)

// TestObjectsThatAreTaken: strictness refuses nothing that is merely unusual.
func TestObjectsThatAreTaken(t *testing.T) {
	for _, object := range []string{
		"{}", " { } ", `{"a":{"b":[1,{"c":"}]\""}]},"d":"{"}`, `{"a":[[[["]"]]]],"b":"\\"}`, "\t{\n\"a\"\r:\"b\" , \"c\":-1.5e3\n}",
		`{"":"","a":null,"b":true,"c":[],"d":{}}`, `{"\u0061":"\ud83d\ude00"}`,
	} {
		var want map[string]json.RawMessage
		if err := json.Unmarshal([]byte(object), &want); err != nil {
			t.Fatal(err)
		}
		n := 0
		err := decodeObject(b64(object), func(string) any { n++; return new(json.RawMessage) })
		if err != nil || n != len(want) {
			t.Errorf("%s: %d members, %v; want %d", object, n, err, len(want))
		}
	}
}

// FuzzDecodeObject compares with encoding/json's own reading, member by member.
func FuzzDecodeObject(f *testing.F) {
	for _, seed := range []string{
		"", "{}", " { } ", "[]", "null", `"x"`, `{"a":1}`, `{"a":1,"a":2}`, `{"a":{"b":[1,{"c":"}"}]},"d":"\""}`,
		`{"a":"\u0041","\u0061":1}`, `{"a":[],"b":{},"c":null,"d":-1.5e3}`, `{"a":1}x`, `{"a":1,}`, `{"a" : "b" , "c" : 1 }`, `{"":""}`,
		"{\"a\":\"\xff\"}", "\t{\n\"a\"\r:\"b\"}", `{"a":"\ud800"}`, `{"a":"\\"}`, `{"a":[[[["]"]]]]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got := map[string]*json.RawMessage{}
		err := decodeObject(base64.RawURLEncoding.EncodeToString(data), func(name string) any {
			got[name] = new(json.RawMessage)
			return got[name]
		})
		var want map[string]json.RawMessage
		if wantErr := json.Unmarshal(data, &want); err == nil && (wantErr != nil || want == nil) {
			t.Fatalf("took %q: %v", data, wantErr)
		}
		if err != nil {
			mustBeKnown(t, err)
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%d members of %q, want %d", len(got), data, len(want))
		}
		for name, value := range want {
			if got[name] == nil || !bytes.Equal(*got[name], value) {
				t.Fatalf("member %q of %q differs", name, data)
			}
		}
	})
}
