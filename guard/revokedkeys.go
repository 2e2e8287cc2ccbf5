package guard

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/curfew-auth/curfew/internal/cache"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/token"
)

// keysPerSource bounds the revoked keys that are remembered of one source. It is
// twice what a key set can hold, so there is always one that is not trusted to
// make room.
const keysPerSource = 128

// revokedKeys remembers the keys that were revoked, beyond the life of the
// revocation: for as long as this node trusts them. A node that cannot fetch the
// key set goes on trusting a key that others have long forgotten, and whoever
// has stolen it can sign tokens that never end. So a key leaves only when its
// revocation is over and the last set that was read is without it.
type revokedKeys struct {
	sources map[string]keySource // by issuer
	elapsed cache.Elapsed

	now atomic.Pointer[map[cache.Key]struct{}] // nil while there are none; never changed

	mu   sync.Mutex
	held map[cache.Key]revokedKey
}

type revokedKey struct {
	issuer, kid string
	until       time.Duration // when its revocation is over
}

// A keySource is what an issuer's tokens are verified by.
type keySource struct {
	remote interface {
		Ready() bool
		KeyIDs() []string
	}
	secret token.KeySource // of HS256; it has no other key
}

// trusts reports whether tokens of this key are accepted, or may be once there is
// a first set.
func (s keySource) trusts(kid string) bool {
	return !s.remote.Ready() || s.accepts(kid)
}

func (s keySource) accepts(kid string) bool {
	if _, err := s.secret.Key(context.Background(), kid); err == nil {
		return true
	}
	return slices.Contains(s.remote.KeyIDs(), kid)
}

type noKeys struct{}

func (noKeys) Key(context.Context, string) (token.PublicKey, error) {
	return token.PublicKey{}, errors.New("guard: no such key")
}

// has reports whether the key of a token was revoked. While none was it costs one
// atomic load.
func (k *revokedKeys) has(key cache.Key) bool {
	now := k.now.Load()
	if now == nil {
		return false
	}
	_, found := (*now)[key]
	return found
}

// note remembers a revoked key of an issuer whose tokens are accepted here, for the
// life of its revocation at least.
func (k *revokedKeys) note(key cache.Key, r events.Revocation, life time.Duration) {
	if _, ok := k.sources[r.Issuer]; !ok {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.elapsed()
	until := now + min(life, math.MaxInt64-now)
	known, ok := k.held[key]
	if !ok && len(k.held) >= keysPerSource*len(k.sources) {
		k.makeRoom()
	}
	k.held[key] = revokedKey{r.Issuer, r.Subject, max(until, known.until)}
	k.publish()
}

// makeRoom forgets the key that is over first of those that no token is accepted
// by. The copy still holds it for as long as its revocation lives.
func (k *revokedKeys) makeRoom() {
	var victim cache.Key
	until := time.Duration(math.MaxInt64)
	for key, r := range k.held {
		if r.until <= until && !k.sources[r.issuer].accepts(r.kid) {
			victim, until = key, r.until
		}
	}
	delete(k.held, victim)
}

// sweep forgets what is over and not trusted any more.
func (k *revokedKeys) sweep() {
	k.mu.Lock()
	defer k.mu.Unlock()
	now, before := k.elapsed(), len(k.held)
	for key, r := range k.held {
		if r.until <= now && !k.sources[r.issuer].trusts(r.kid) {
			delete(k.held, key)
		}
	}
	if len(k.held) != before {
		k.publish()
	}
}

func (k *revokedKeys) publish() {
	if len(k.held) == 0 {
		k.now.Store(nil)
		return
	}
	keys := make(map[cache.Key]struct{}, len(k.held))
	for key := range k.held {
		keys[key] = struct{}{}
	}
	k.now.Store(&keys)
}

func (g *Guard) openRevokedKeys() error {
	secret, err := token.WithSecret(noKeys{}, g.config.HS256Secret)
	if err != nil {
		return err
	}
	sources := map[string]keySource{g.config.Issuer: {g.remote, secret}}
	for i, t := range g.config.TrustedIssuers {
		sources[t.Issuer] = keySource{g.foreign[i], noKeys{}}
	}
	g.revokedKeys = &revokedKeys{sources: sources, elapsed: g.copy.Now, held: map[cache.Key]revokedKey{}}
	return nil
}
