package events

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// full has every field set, whatever fields there are.
func full(t testing.TB) (r Revocation) {
	v := reflect.ValueOf(&r).Elem()
	for field, value := range v.Fields() {
		switch value.Kind() {
		case reflect.String:
			value.SetString("a " + strings.ToLower(field.Name))
		case reflect.Int64:
			value.SetInt(123456789012345678)
		case reflect.Bool:
			value.SetBool(true)
		default:
			t.Fatalf("set %s here", field.Name)
		}
	}
	r.Scope, r.Mode, r.TTLMillis = ScopeUser, ModeRefresh, MaxTTL.Milliseconds()
	return r
}

// Whoever adds a field to Revocation teaches decodePlain to read it: without
// that all is correct, and a long log takes several times as long to replay.
func TestDecodePlainKnowsEveryField(t *testing.T) {
	want := full(t)
	data, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := decodePlain(data); !ok || got != want {
		t.Errorf("%t\ngot  %+v\nwant %+v", ok, got, want)
	}
}

func TestDecodePlainIsCheap(t *testing.T) {
	data, err := full(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { decodePlain(data) }); n > 1 {
		t.Errorf("%v allocations, want 1", n)
	}
}

// Whatever decodePlain reads, encoding/json reads alike.
func FuzzDecodePlain(f *testing.F) {
	whole, err := full(f).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(whole))
	for _, s := range []string{
		`{}`, `{"id":"a"}`, `{"id":"a","id":"b"}`, `{"ID":"a"}`, `{"id":null}`, `{"id":"a",}`, `{,"id":"a"}`, `{"id":"a"}}`, `{"id":"a"} `,
		`{"id":"a\u0062"}`, "{\"id\":\"a\xff\"}", "{\"id\":\"é\"}", "{\"id\":\"\x7f\"}", "{\"id\":\"a\nb\"}", `{"id":"a"`, `{"id"`, `{"id":`, `{`, ``,
		`{"stamp":1}`, `{"stamp":-1}`, `{"stamp":01}`, `{"stamp":0}`, `{"stamp":1.5}`, `{"stamp":1e3}`, `{"stamp":9223372036854775808}`,
		`{"stamp":"1"}`, `{"sub":1}`, `{"ttl_ms":1}`, `{"ttl_ms":1152921504606846976}`, `{"ttl_ms":9223372036854775807}`, `{"ttl_ms":9223372036854775808}`, `{"ttl_ms":1x}`, `{"new":"field"}`, `{"scope":"planet"}`, `{"stamp":1 }`, `{"sub":"<"}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data string) {
		got, ok := decodePlain([]byte(data))
		var want Revocation
		err := json.Unmarshal([]byte(data), &want)
		if ok && (err != nil || got != want) {
			t.Errorf("%q\ngot  %+v\nwant %+v, %v", data, got, want, err)
		}
	})
}

func BenchmarkDecodeRevocation(b *testing.B) {
	data, err := Revocation{
		ID: "0197f3c8-6a1e-7c3d-9a51-2f8e4f1b2c3d", Scope: ScopeSession, Issuer: "https://issuer.example",
		Subject: "0197f3c8-6a1e-7c3d-9a51-2f8e4f1b2c3d", Stamp: 1795466859123, TTLMillis: 910000, Reason: "logout", Actor: "user",
	}.Encode()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = DecodeRevocation(data)
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var r Revocation
			_ = json.Unmarshal(data, &r)
		}
	})
}
