package guard

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/cache"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/token"
)

// A fixedSet is what an edge has last read.
type fixedSet []string

func (s *fixedSet) Ready() bool      { return *s != nil }
func (s *fixedSet) KeyIDs() []string { return *s }

type revokedKeysWorld struct {
	*revokedKeys
	now  time.Duration
	keys cache.Keys
	set  map[string]*fixedSet
}

func newRevokedKeysWorld(t *testing.T, secret string) *revokedKeysWorld {
	t.Helper()
	w := &revokedKeysWorld{keys: cache.NewKeys(), set: map[string]*fixedSet{"ours": {"k-1", "k-2"}, "theirs": {"k-1"}}}
	ours, err := token.WithSecret(noKeys{}, secret)
	if err != nil {
		t.Fatal(err)
	}
	w.revokedKeys = &revokedKeys{
		sources: map[string]keySource{"ours": {w.set["ours"], ours}, "theirs": {w.set["theirs"], noKeys{}}},
		elapsed: func() time.Duration { return w.now }, held: map[cache.Key]revokedKey{},
	}
	return w
}

func (w *revokedKeysWorld) key(issuer, kid string) cache.Key { return w.keys.Of("key", issuer, kid) }

func (w *revokedKeysWorld) revoke(issuer, kid string, ttl time.Duration) {
	w.note(w.key(issuer, kid), events.Revocation{Scope: events.ScopeKey, Issuer: issuer, Subject: kid}, ttl)
}

func (w *revokedKeysWorld) want(t *testing.T, issuer, kid string, want bool) {
	t.Helper()
	if got := w.has(w.key(issuer, kid)); got != want {
		t.Errorf("at %v, %s of %s: revoked %t, want %t", w.now, kid, issuer, got, want)
	}
}

func TestRevokedKeyStaysWhileItIsTrusted(t *testing.T) {
	w := newRevokedKeysWorld(t, "")
	for _, issuer := range []string{"ours", "theirs"} {
		w.revoke(issuer, "k-1", time.Minute)
	}
	w.want(t, "ours", "k-2", false)
	w.now = 1000 * time.Hour // the set has not been read since
	for _, issuer := range []string{"ours", "theirs"} {
		w.want(t, issuer, "k-1", true) // also before the sweep: this node was asleep
		w.sweep()
		w.want(t, issuer, "k-1", true)
	}
	*w.set["theirs"] = []string{"k-9"}
	w.sweep()
	w.want(t, "theirs", "k-1", false)
	w.want(t, "ours", "k-1", true)
	*w.set["ours"] = []string{"k-2"}
	w.sweep()
	w.want(t, "ours", "k-1", false)
	if w.revokedKeys.now.Load() != nil {
		t.Error("looking costs more than it must")
	}
}

// A set without it does not end a revocation that is not over: the next may have
// it again, from a cache or a server that is behind.
func TestRevokedKeyStaysForItsLife(t *testing.T) {
	w := newRevokedKeysWorld(t, "")
	w.revoke("ours", "k-1", time.Hour)
	w.revoke("ours", "k-1", time.Minute) // merges by the later
	*w.set["ours"] = []string{"k-2"}
	w.now = time.Hour - 1
	w.sweep()
	w.want(t, "ours", "k-1", true)
	w.now = time.Hour
	w.sweep()
	w.want(t, "ours", "k-1", false)
}

// Before the first set nobody knows what it will have.
func TestRevokedKeyStaysUntilASetIsRead(t *testing.T) {
	w := newRevokedKeysWorld(t, "")
	*w.set["ours"] = nil
	w.revoke("ours", "k-1", time.Minute)
	w.now = time.Hour
	w.sweep()
	w.want(t, "ours", "k-1", true)
	*w.set["ours"] = []string{"k-2"}
	w.sweep()
	w.want(t, "ours", "k-1", false)
}

// A secret is trusted for as long as it is set.
func TestRevokedSecretStays(t *testing.T) {
	secret := "a secret of more than thirty-two bytes"
	w := newRevokedKeysWorld(t, secret)
	ring, err := token.OpenKeyring(token.KeyringConfig{Dir: t.TempDir(), Create: true, HS256Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	kid := ring.SigningKeyID()
	w.revoke("ours", kid, time.Minute)
	w.now = time.Hour
	w.sweep()
	w.want(t, "ours", kid, true)
}

// Memory is bounded, and those that are trusted are never forgotten for lack of
// room.
func TestRevokedKeysAreBounded(t *testing.T) {
	w := newRevokedKeysWorld(t, "")
	trusted := []string{}
	for i := range 64 {
		trusted = append(trusted, fmt.Sprint("t-", i))
	}
	*w.set["ours"], *w.set["theirs"] = trusted, slices.Clone(trusted)
	w.revoke("nobody's", "k-1", time.Hour)
	if len(w.held) != 0 {
		t.Error("a key that nothing is verified by is kept")
	}
	for i := range 2000 {
		for _, issuer := range []string{"ours", "theirs"} {
			if i < len(trusted) {
				w.revoke(issuer, trusted[i], time.Second)
			}
			w.revoke(issuer, fmt.Sprint("x-", i), math.MaxInt64)
		}
	}
	if len(w.held) != 2*keysPerSource {
		t.Errorf("%d are kept", len(w.held))
	}
	w.now = 24 * time.Hour
	w.sweep()
	for _, kid := range trusted {
		w.want(t, "ours", kid, true)
		w.want(t, "theirs", kid, true)
	}
}
