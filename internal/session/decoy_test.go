package session

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// phc is a well-formed hash of nothing.
func phc(memory int) string {
	random := func(n int) string {
		b := make([]byte, n)
		rand.Read(b)
		return base64.RawStdEncoding.EncodeToString(b)
	}
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=2,p=1$%s$%s", memory, random(hashSalt), random(hashDigest))
}

func usersWith(hashes []string) string {
	var b strings.Builder
	b.WriteString("users:\n")
	for n, hash := range hashes {
		fmt.Fprintf(&b, "- {username: user-%d, user_id: u-%d, password_hash: %q}\n", n, n, hash)
	}
	return b.String()
}

// TestUnknownUserCostsTheSameEverywhere: what a name costs neither depends on
// the issuer that is asked nor changes when that starts again, and hardly with
// the users of the file. Else nobody's names could be told by it.
func TestUnknownUserCostsTheSameEverywhere(t *testing.T) {
	var hashes []string
	for n := range 100 {
		hashes = append(hashes, phc([]int{minMemory, maxMemory}[n%2]))
	}
	one, other := load(t, usersWith(hashes)), load(t, usersWith(hashes))
	secret := slices.Index(hashes, slices.Min(hashes))
	hashes[(secret+1)%len(hashes)] = phc(maxMemory) // somebody's was upgraded, or not
	later := load(t, usersWith(hashes))

	dear, changed := 0, 0
	for n := range 1000 {
		key := userKey{"default", fmt.Sprint("nobody-", n)}
		work := workOf(one.current.Load().decoys.of(key))
		if work != workOf(other.current.Load().decoys.of(key)) {
			t.Fatalf("%s costs differently elsewhere", key.username)
		}
		if work == maxMemory*2 {
			dear++
		}
		if work != workOf(later.current.Load().decoys.of(key)) {
			changed++
		}
	}
	if dear < 350 || dear > 650 {
		t.Errorf("%d of 1000 names are dear, of the users half", dear)
	}
	if changed > 50 {
		t.Errorf("one user's new hash changed the cost of %d of 1000 names", changed)
	}
}
