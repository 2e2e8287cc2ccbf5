package cache

import (
	"encoding/binary"
	"hash/maphash"
)

// A Key stands for one revocable id. Keys made by different [Keys], so also by
// different processes, cannot be compared.
type Key [16]byte

// Keys makes keys. The zero value is not usable: call [NewKeys].
type Keys struct{ seeds [2]maphash.Seed }

// NewKeys returns a maker of keys whose two hash seeds are random, so nobody
// outside the process can choose ids that collide.
func NewKeys() Keys {
	return Keys{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

// Of returns the key of an id within its scope and issuer. The three are
// hashed as separate strings, so moving a byte from one to the next changes
// the key. Of does not allocate or retain them.
//
// The same id always gives the same key, so a revoked id is always found; two
// ids that collide (128 bits) could only make the edge refuse too much.
func (k Keys) Of(scope, issuer, id string) Key { return k.Within(scope, issuer, "", id) }

// Within is Of for an id that means something only within a tenant.
func (k Keys) Within(scope, issuer, tenant, id string) Key {
	parts := [4]string{scope, issuer, tenant, id}
	var key Key
	binary.LittleEndian.PutUint64(key[:8], maphash.Comparable(k.seeds[0], parts))
	binary.LittleEndian.PutUint64(key[8:], maphash.Comparable(k.seeds[1], parts))
	return key
}

func (k Key) halves() (lo, hi uint64) {
	return binary.LittleEndian.Uint64(k[:8]), binary.LittleEndian.Uint64(k[8:])
}

func keyOf(lo, hi uint64) (k Key) {
	binary.LittleEndian.PutUint64(k[:8], lo)
	binary.LittleEndian.PutUint64(k[8:], hi)
	return k
}
