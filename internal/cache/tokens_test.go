package cache

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"unsafe"
)

func newTokens(t testing.TB, entries, bytes int) *Tokens[int] {
	t.Helper()
	tokens, err := NewTokens[int](entries, bytes)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestTokensKeepAndReplace(t *testing.T) {
	tokens := newTokens(t, 100, 1<<20)
	if _, ok := tokens.Get("a"); ok {
		t.Error("found what was never put")
	}
	tokens.Put("a", 1)
	tokens.Put("b", 2)
	tokens.Put("a", 3)
	for range 3 * renewEvery {
		if v, ok := tokens.Get("a"); !ok || v != 3 {
			t.Fatalf("%d, %v, want 3", v, ok)
		}
		if v, ok := tokens.GetBytes([]byte("b")); !ok || v != 2 {
			t.Fatalf("%d, %v, want 2", v, ok)
		}
	}
	if _, ok := tokens.GetBytes(nil); ok {
		t.Error("found an empty token")
	}
	if n := tokens.Len(); n != 2 {
		t.Errorf("%d kept, want 2", n)
	}
}

// Even a full collision of hashes must not let one token pass for another.
func TestTokensCompareTheWholeToken(t *testing.T) {
	tokens := newTokens(t, 100, 1<<20)
	tokens.Put("genuine", 1)
	s := &tokens.shards[0]
	_, genuine, _ := s.lru.GetOldest()
	for _, forged := range []string{"genuinf", "genuin", "genuine ", "Genuine"} {
		if v := tokens.behind(genuine.hash, forged); v != nil {
			t.Errorf("%q passed for the genuine token behind the front", forged)
		}
	}
	for i := range tokens.front {
		tokens.front[i].Store(genuine)
	}
	for _, forged := range []string{"genuinf", "genuin", "genuine ", "Genuine"} {
		if _, ok := tokens.Get(forged); ok {
			t.Errorf("%q passed for the genuine token in the front", forged)
		}
	}
}

func TestTokensDoNotRetainTheBuffer(t *testing.T) {
	tokens := newTokens(t, 100, 1<<20)
	buf := []byte("header.claims.signature")
	tokens.GetBytes(buf)
	tokens.Put(unsafe.String(&buf[0], len(buf)), 7) // as Fiber hands out its strings
	copy(buf, "XXXXXX")
	if _, ok := tokens.Get("header.claims.signature"); !ok {
		t.Error("the entry changed with the caller's buffer")
	}
	if _, ok := tokens.GetBytes(buf); ok {
		t.Error("found a token that was never put")
	}
}

func TestTokensAreBounded(t *testing.T) {
	for _, c := range []struct{ entries, bytes, size int }{
		{10, 1 << 20, 100}, {1000, 64 << 10, 4000}, {100_000, 8 << 20, 800}, {1, CostOf(MaxToken), MaxToken},
	} {
		tokens := newTokens(t, c.entries, c.bytes)
		pad := strings.Repeat("x", c.size-8)
		for i := range 20_000 {
			tokens.Put(fmt.Sprintf("%08d%s", i, pad), i)
			if i%100 == 99 {
				tokens.Get(fmt.Sprintf("%08d%s", i-50, pad))
			}
		}
		if n := tokens.Len(); n == 0 || n > c.entries || n*CostOf(c.size) > c.bytes {
			t.Errorf("%+v: %d kept", c, n)
		}
		if _, ok := tokens.Get(fmt.Sprintf("%08d%s", 19_999, pad)); !ok {
			t.Errorf("%+v: the last token was not kept", c)
		}
		for i := range tokens.shards {
			s, sum := &tokens.shards[i], 0
			for _, v := range s.lru.Values() {
				sum += v.cost()
			}
			if sum != s.bytes || sum > s.limit {
				t.Errorf("%+v: %d bytes kept, %d counted, limit %d", c, sum, s.bytes, s.limit)
			}
		}
		for i := range tokens.front {
			if v := tokens.front[i].Load(); v != nil && !tokens.shard(v.hash).lru.Contains(v.hash) {
				t.Fatalf("%+v: the front holds a token the LRU let go", c)
			}
		}
	}
}

func TestTokensKeepWhatIsUsed(t *testing.T) {
	tokens := newTokens(t, 100, 1<<20)
	tokens.Put("used", 1)
	for i := range 10_000 {
		tokens.Put(fmt.Sprint(i), i)
		for range 20 { // served by the front, now and then renewed behind it
			tokens.Get("used")
		}
	}
	if _, ok := tokens.Get("used"); !ok {
		t.Error("a token in constant use was pushed out")
	}
}

func TestTokensRefuseHugeOnes(t *testing.T) {
	tokens := newTokens(t, 100, 1<<20)
	huge := strings.Repeat("x", MaxToken+1)
	tokens.Put(huge, 1)
	if _, ok := tokens.Get(huge); ok || tokens.Len() != 0 {
		t.Error("a token over the limit was kept")
	}
	for _, c := range [][2]int{{0, 1 << 20}, {-1, 1 << 20}, {MaxEntries + 1, 1 << 20}, {10, MaxToken}} {
		if _, err := NewTokens[int](c[0], c[1]); !errors.Is(err, ErrConfig) {
			t.Errorf("%v: %v", c, err)
		}
	}
}

func TestTokensConcurrently(t *testing.T) {
	tokens := newTokens(t, 50, 1<<20)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 20_000 {
				raw := fmt.Sprint(i % (40 + 20*w))
				if v, ok := tokens.Get(raw); ok && fmt.Sprint(v) != raw {
					t.Errorf("token %q gave %d", raw, v)
				}
				if i%3 == 0 {
					tokens.Put(raw, i%(40+20*w))
				}
			}
		})
	}
	wg.Wait()
}

func TestTokensGetDoesNotAllocate(t *testing.T) {
	tokens := newTokens(t, 100, 1<<20)
	raw := strings.Repeat("x", 700)
	tokens.Put(raw, 1)
	buf := []byte(raw)
	if n := testing.AllocsPerRun(1000, func() { tokens.Get(raw); tokens.GetBytes(buf); tokens.Get("none") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
