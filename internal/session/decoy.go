package session

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/alexedwards/argon2id"
)

// Decoys are the hashes that unknown names are compared with, cheapest first,
// at least one. Outcomes are never used; what counts is what each costs. Users'
// hashes may differ in that, as after a raise of hash_memory, and then a name
// whose answers are quick at one issuer and slow at another, or before and
// after a restart, would be nobody's. So the same name gets a hash of the same
// cost from every issuer that has read the file.
type decoys struct {
	hashes []string
	secret [sha256.Size]byte // or whoever has the source could tell what a name ought to cost
}

func newDecoys(hashes []string) decoys {
	type priced struct {
		hash string
		work uint64
	}
	all := make([]priced, 0, len(hashes))
	for _, hash := range hashes {
		all = append(all, priced{hash, workOf(hash)})
	}
	slices.SortFunc(all, func(a, b priced) int { return cmp.Or(cmp.Compare(a.work, b.work), cmp.Compare(a.hash, b.hash)) })
	// A hash has a random salt, which is all the secret that issuers share.
	d := decoys{secret: sha256.Sum256([]byte("curfew decoys v1" + slices.Min(hashes)))}
	for _, p := range all {
		d.hashes = append(d.hashes, p.hash)
	}
	return d
}

// of picks the hash for a name by its place in the order of costs: where a hash
// comes, goes or is replaced, few other names' costs change.
func (d decoys) of(key userKey) string {
	text := binary.BigEndian.AppendUint64(d.secret[:], uint64(len(key.tenant)))
	sum := sha256.Sum256(append(text, key.tenant+key.username...))
	place, _ := bits.Mul64(binary.BigEndian.Uint64(sum[:]), uint64(len(d.hashes)))
	return d.hashes[place]
}

// workOf is what a hash costs to check, 0 if it is none.
func workOf(hash string) uint64 {
	p, _, _, err := argon2id.DecodeHash(hash)
	if err != nil {
		return 0
	}
	return uint64(p.Memory) * uint64(p.Iterations)
}
