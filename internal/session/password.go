package session

import (
	"errors"
	"fmt"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/argon2"
)

// MaxPassword bounds a password, in bytes.
const MaxPassword = 1024

// ErrBadHash is wrapped by every error about a password hash that must not be
// used. It never quotes the hash.
var ErrBadHash = errors.New("session: unusable password hash")

// The least and the most work a hash may ask for. The least is what OWASP's
// password storage cheat sheet sets; the most keeps one login from taking the
// machine.
const (
	minMemory, maxMemory = 19456, 256 << 10 // KiB
	minPasses, maxPasses = 2, 16
	minLanes, maxLanes   = 1, 16
	minSalt, maxSalt     = 8, 64 // bytes
	minDigest, maxDigest = 16, 64
	maxHash              = 512 // bytes of the PHC string
	hashSalt, hashDigest = 16, 32
)

// A Cost is how much work a hash asks for.
type Cost struct {
	Memory uint32 // KiB, 19456 to 262144
	Passes uint32 // 2 to 16
}

var leastCost = Cost{Memory: minMemory, Passes: minPasses}

// HashPassword returns the argon2id PHC string of a password, with a fresh
// salt and the least work that LoadUsers accepts.
func HashPassword(password string) (string, error) {
	return leastCost.hash(password)
}

func (c Cost) hash(password string) (string, error) {
	if password == "" || len(password) > MaxPassword {
		return "", fmt.Errorf("session: a password has 1 to %d bytes", MaxPassword)
	}
	return argon2id.CreateHash(password, &argon2id.Params{
		Memory: c.Memory, Iterations: c.Passes, Parallelism: minLanes,
		SaltLength: hashSalt, KeyLength: hashDigest,
	})
}

// checkHash says whether a PHC string is well formed and asks for a
// reasonable amount of work.
func checkHash(phc string) error {
	if len(phc) > maxHash {
		return fmt.Errorf("%w: longer than %d bytes", ErrBadHash, maxHash)
	}
	p, salt, digest, err := argon2id.DecodeHash(phc)
	if err != nil || !canonical(phc, p) {
		return fmt.Errorf("%w: want an argon2id PHC string, as curfew hash-password prints", ErrBadHash)
	}
	if p.Memory < minMemory || p.Iterations < minPasses || p.Parallelism < minLanes {
		return fmt.Errorf("%w: too weak: m=%d,t=%d,p=%d, want at least m=%d,t=%d,p=%d", ErrBadHash,
			p.Memory, p.Iterations, p.Parallelism, minMemory, minPasses, minLanes)
	}
	if p.Memory > maxMemory || p.Iterations > maxPasses || p.Parallelism > maxLanes {
		return fmt.Errorf("%w: too costly: m=%d,t=%d,p=%d, want at most m=%d,t=%d,p=%d", ErrBadHash,
			p.Memory, p.Iterations, p.Parallelism, maxMemory, maxPasses, maxLanes)
	}
	if len(salt) < minSalt || len(salt) > maxSalt || len(digest) < minDigest || len(digest) > maxDigest {
		return fmt.Errorf("%w: salt of %d bytes, digest of %d bytes", ErrBadHash, len(salt), len(digest))
	}
	return nil
}

// canonical refuses what the decoder reads past, such as more parameters.
func canonical(phc string, p *argon2id.Params) bool {
	head := fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, p.Memory, p.Iterations, p.Parallelism)
	return len(phc) > len(head) && phc[:len(head)] == head
}
