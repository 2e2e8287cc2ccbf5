package cache

import (
	"encoding/binary"
	"testing"
)

func TestKeysTellEverythingApart(t *testing.T) {
	keys := NewKeys()
	seen := map[Key][3]string{}
	for _, p := range [][3]string{
		{"token", "iss", "id"}, {"session", "iss", "id"}, {"token", "iss2", "id"}, {"token", "iss", "id2"},
		{"token", "issi", "d"}, {"tokeni", "ss", "id"}, {"", "tokeniss", "id"}, {"token", "", "issid"},
		{"", "", ""}, {"token", "iss", "id\x00"}, {"token", "iss\x00", "id"},
	} {
		k := keys.Of(p[0], p[1], p[2])
		if k != keys.Of(p[0], p[1], p[2]) {
			t.Errorf("%q has two keys", p)
		}
		if other, ok := seen[k]; ok {
			t.Errorf("%q and %q share a key", p, other)
		}
		seen[k] = p
	}
	if keys.Of("a", "b", "c") == NewKeys().Of("a", "b", "c") {
		t.Error("the seeds are not random")
	}
}

func TestKeyHalvesAreIndependent(t *testing.T) {
	k := NewKeys().Of("token", "iss", "id")
	if lo, hi := k.halves(); lo == hi {
		t.Error("both halves of the key are the same hash")
	} else if keyOf(lo, hi) != k {
		t.Error("the key does not survive being split")
	}
}

func TestKeysOfDoesNotAllocate(t *testing.T) {
	keys, id := NewKeys(), string(make([]byte, 100))
	var k Key
	if n := testing.AllocsPerRun(1000, func() { k = keys.Of("token", "https://issuer.example", id) }); n != 0 {
		t.Errorf("%v allocations for %x", n, k)
	}
}

// testKey returns a well spread key, different for every n.
func testKey(n int) (k Key) {
	binary.LittleEndian.PutUint64(k[:8], mix(uint64(n)*2+1))
	binary.LittleEndian.PutUint64(k[8:], mix(uint64(n)*2+2))
	return k
}

// mix is the finaliser of splitmix64, a bijection.
func mix(x uint64) uint64 {
	x *= 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
