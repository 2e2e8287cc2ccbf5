package cache

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

func filled(b testing.TB, entries int) *Copy {
	c := newCopy(b, max(entries, 1000), Boottime())
	for i := range entries {
		c.Add(testKey(i), time.Hour)
	}
	return c
}

// A good token: two ids, neither revoked, different from one to the next.
func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000, 10_000_000} {
		var c *Copy // filled only if this size was asked for
		setup := func(b *testing.B) {
			if c == nil {
				c = filled(b, n)
			}
			b.ReportAllocs()
		}
		b.Run(fmt.Sprintf("one/%d", n), func(b *testing.B) {
			setup(b)
			for i := 1 << 30; b.Loop(); i += 2 {
				lookupClear(b, c, i)
			}
		})
		b.Run(fmt.Sprintf("parallel/%d", n), func(b *testing.B) {
			setup(b)
			b.RunParallel(func(pb *testing.PB) {
				for i := 1 << 30; pb.Next(); i += 2 {
					lookupClear(b, c, i)
				}
			})
		})
	}
}

func lookupClear(b *testing.B, c *Copy, i int) {
	if i%(1<<16) == 0 {
		c.Renew(c.Now())
	}
	if c.Lookup(testKey(i), testKey(i+1)) == Revoked {
		b.Fatal("revoked")
	}
}

// The same with cutoffs about, as the guard asks.
func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000} {
		c := filled(b, n)
		c.Cut(testKey(5), Cutoff{End: 1}, time.Hour)
		c.CutWide(testKey(6), Cutoff{End: 1}, time.Hour)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			t := testToken(1, 9)
			for i := 1 << 30; b.Loop(); i += 2 {
				if i%(1<<16) == 0 {
					c.Renew(c.Now())
				}
				t.IDs[0], t.IDs[1] = testKey(i), testKey(i+1)
				if c.Check(t) == Revoked {
					b.Fatal("revoked")
				}
			}
		})
	}
}

func BenchmarkAdd(b *testing.B) {
	for _, n := range []int{1_000_000, 1_000} { // without and, nearly always, with eviction
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := newCopy(b, n, Boottime())
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				c.Add(testKey(i), time.Hour)
			}
		})
	}
}

func BenchmarkTokensGet(b *testing.B) {
	const n = 10_000
	tokens := newTokens(b, n, 64<<20)
	raw := make([]string, n/2)
	for i := range raw {
		raw[i] = fmt.Sprintf("%d%s", i, strings.Repeat("x", 600))
		tokens.Put(raw[i], i)
	}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			tokens.Get(raw[i%len(raw)])
		}
	})
	b.Run("parallel-same", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				tokens.Get(raw[0])
			}
		})
	})
}

func BenchmarkElapsed(b *testing.B) {
	elapsed := Boottime()
	for b.Loop() {
		elapsed()
	}
}

func BenchmarkKeysOf(b *testing.B) {
	keys := NewKeys()
	for b.Loop() {
		keys.Of("token", "https://issuer.example", "0197f3c8-6a1e-7c3d-9a51-2f8e4f1b2c3d")
	}
}

func BenchmarkSweep(b *testing.B) {
	c := filled(b, 1_000_000)
	for b.Loop() {
		for i := range c.revoked.shards {
			c.revoked.shards[i].soonest = 0 // as if one had expired in each
		}
		c.Sweep()
	}
}

// A million ids are promised to fit an edge of 250 MB, garbage collector included.
func TestMemoryPerEntry(t *testing.T) {
	const entries = 100_000
	before := heap()
	c := filled(t, entries)
	perEntry := float64(heap()-before) / entries
	t.Logf("%.1f bytes per entry", perEntry)
	if perEntry > 64 {
		t.Errorf("%.1f bytes per entry, want at most 64", perEntry)
	}
	runtime.KeepAlive(c)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
