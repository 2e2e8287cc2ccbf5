package guard

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-auth/curfew/internal/cache"
	"github.com/curfew-auth/curfew/internal/token"
)

// remembering is a guard that has no servers.
func remembering(t *testing.T) *Guard {
	t.Helper()
	c, err := cache.New(cache.Config{Entries: 100, Staleness: time.Second, Elapsed: cache.Monotonic()})
	if err != nil {
		t.Fatal(err)
	}
	return &Guard{copy: c, keys: cache.NewKeys(), watches: newWatches(), config: Config{Leeway: 5 * time.Second}}
}

// What the store has told is kept until the token is over by any clock that may
// be set here, and then leaves.
func TestToldIsKeptUntilTheTokenIsOver(t *testing.T) {
	for _, told := range []cache.Answer{cache.Revoked, cache.Outdated} {
		synctest.Test(t, func(t *testing.T) {
			g := remembering(t)
			c := token.Claims{Issuer: "iss", ID: "j", Subject: "u", Tenant: "t", IssuedAtMillis: 7, ExpiresAt: time.Now().Add(time.Minute)}
			v := &verified{claims: c, token: g.token(&c, "")}
			g.keep(v, told)
			time.Sleep(time.Minute + 5*time.Second + margin - time.Millisecond)
			if got := g.copy.Check(&v.token); got != told {
				t.Errorf("%v, want %v", got, told)
			}
			time.Sleep(time.Second + time.Millisecond)
			if g.copy.Sweep(); g.copy.Entries() != 0 {
				t.Error("it is kept for ever")
			}
			c.ExpiresAt = time.Unix(1<<40-1, 0) // the largest that verifies
			v.claims = c
			g.keep(v, told)
			if got := g.copy.Check(&v.token); got != told {
				t.Errorf("a token that never ends: %v, want %v", got, told)
			}
		})
	}
}

// A signature can be written in more than one way: the key is over what is signed.
func TestTokenIDWithoutJTI(t *testing.T) {
	g := remembering(t)
	c, named := &token.Claims{Issuer: "iss"}, &token.Claims{Issuer: "iss", ID: "j"}
	if g.tokenID(c, "h.p.one") != g.tokenID(c, "h.p.two") {
		t.Error("another signature is another token")
	}
	if g.tokenID(c, "h.p.s") == g.tokenID(c, "h.q.s") || g.tokenID(c, "h.p.s") == g.tokenID(&token.Claims{Issuer: "other"}, "h.p.s") {
		t.Error("two tokens share an id")
	}
	if g.tokenID(named, "h.p.s") != g.tokenID(named, "h.q.s") {
		t.Error("a jti does not count")
	}
}
