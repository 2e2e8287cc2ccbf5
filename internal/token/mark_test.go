package token

import (
	"crypto"
	"crypto/elliptic"
	"strings"
	"testing"
	"time"
)

func TestMark(t *testing.T) {
	data := []byte("a revocation")
	old, young := edKey(t), ecKey(t, elliptic.P256())
	both := testKeyring(t, map[string]crypto.Signer{"a.1": old, "b": young})
	before := testKeyring(t, map[string]crypto.Signer{"a.1": old})
	stranger := testKeyring(t, map[string]crypto.Signer{"a.1": edKey(t), "b": young})
	mark := both.Mark("eu", data)
	for _, tc := range []struct {
		what string
		by   *Keyring
		data []byte
		mark string
		want bool
	}{
		{"its own", both, data, mark, true},
		{"of before a rotation", both, data, before.Mark("eu", data), true},
		{"of a key that it has not", before, data, mark, false},
		{"of another key of the same name", stranger, data, before.Mark("eu", data), false},
		{"of other data", both, append(data, '!'), mark, false},
		{"of another region", both, data, both.Mark("us", data), false},
		{"of a region that begins alike", both, data, both.Mark("e", append([]byte("u"), data...)), false},
		{"cut", both, data, mark[:len(mark)-1], false},
		{"under another name", both, data, "a.1" + mark[strings.LastIndexByte(mark, '.'):], false},
		{"no name", both, data, mark[strings.LastIndexByte(mark, '.'):], false},
		{"no dot", both, data, "b", false},
		{"none", both, data, "", false},
	} {
		if got := tc.by.Marked("eu", tc.data, tc.mark); got != tc.want {
			t.Errorf("mark %s: %t, want %t", tc.what, got, tc.want)
		}
	}
}

func TestFamily(t *testing.T) {
	id := []byte("issuer and session")
	old, young := edKey(t), ecKey(t, elliptic.P256())
	both := testKeyring(t, map[string]crypto.Signer{"a": old, "b": young})
	before := testKeyring(t, map[string]crypto.Signer{"a": old})
	family := both.Family("eu", id)
	for _, tc := range []struct {
		what   string
		by     *Keyring
		id     []byte
		family [FamilySize]byte
		want   bool
	}{
		{"its own", both, id, family, true},
		{"of before a rotation", both, id, before.Family("eu", id), true},
		{"of a key that it has not", before, id, family, false},
		{"of another session", both, append(id, '!'), family, false},
		{"of another region", both, id, both.Family("us", id), false},
		{"of none", both, id, [FamilySize]byte{}, false},
		{"of a mark", both, id, [FamilySize]byte(macOf(both.ring.Load().keys[1].derived.mark, "eu", id)), false},
	} {
		if got := tc.by.IsFamily("eu", tc.id, tc.family); got != tc.want {
			t.Errorf("family %s: %t, want %t", tc.what, got, tc.want)
		}
	}
}

// Edges know the secret of HS256: it must not mark.
func TestSecretDoesNotMark(t *testing.T) {
	dir, data := t.TempDir(), []byte("a revocation")
	asymmetric := openKeyring(t, dir, true)
	symmetric := openWith(t, KeyringConfig{Dir: dir, HS256Secret: strings.Repeat("secret-", 8)})
	if mark := symmetric.Mark("eu", data); !asymmetric.Marked("eu", data, mark) {
		t.Errorf("the mark %q is not of a key in the directory", mark)
	}
}

// A mark is good for as long as its key is published.
func TestMarkOfARetiredKey(t *testing.T) {
	key := edKey(t)
	k := testKeyring(t, map[string]crypto.Signer{"a": key})
	data := []byte("a revocation")
	mark := k.Mark("eu", data)
	k.cfg.Keep = time.Minute
	files := k.ring.Load().files
	next := files["a"]
	next.key.created, next.key.made = time.Now().Add(-time.Hour), true
	other := testKeyring(t, map[string]crypto.Signer{"b": edKey(t)}).ring.Load().files["b"]
	other.key.created = time.Now().Add(-30 * time.Minute)
	r, err := k.newRing(map[string]keyFile{"a": next, "b": other}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	k.ring.Store(r)
	if k.Marked("eu", data, mark) {
		t.Error("a retired key marks")
	}
}
