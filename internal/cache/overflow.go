package cache

import (
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

const (
	generations = 16
	// Filter size: 8 bits for each entry of the capacity, at least 4 Mbit
	// (512 KiB). With four probes, a generation that holds as many ids as the
	// capacity claims one foreign id in 40.
	bitsPerEntry = 8
	minBits      = 1 << 22
	probes       = 4
	// shortestWindow is in seconds; a power of two.
	shortestWindow = 256
)

// overflow remembers evicted ids approximately: it may claim an id that was
// never evicted, but never denies one that was and has not expired. It is a
// ring of Bloom filters, each for a window of expiries, dropped whole once the
// window has passed. Memory is bounded: generations times the filter size.
type overflow struct {
	words int
	live  atomic.Int32 // how many gens are not nil; 0 nearly always
	gens  [generations]atomic.Pointer[generation]
	mu    sync.Mutex // held by writers
}

type generation struct {
	until seconds // no id in here expires later; guarded by overflow.mu
	count atomic.Uint64
	bits  []atomic.Uint64
}

func newOverflow(entries int) *overflow {
	n := max(minBits, min(entries, 1<<40)*bitsPerEntry)
	return &overflow{words: 1 << bits.Len(uint(n-1)) / 64}
}

func (o *overflow) has(lo, hi uint64) bool {
	if o.live.Load() == 0 {
		return false
	}
	for i := range o.gens {
		if g := o.gens[i].Load(); g != nil && g.has(lo, hi) {
			return true
		}
	}
	return false
}

func (o *overflow) add(lo, hi uint64, exp seconds, now time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	g := o.place(exp, now)
	if g.add(lo, hi) { // else it was evicted before, and is counted already
		g.count.Add(1)
	}
}

// place returns the generation for an expiry: that of its window, a new one if
// there is room, else the one that ends next after it, else the last, prolonged.
// The last two keep ids longer than needed, which is safe.
func (o *overflow) place(exp seconds, now time.Duration) *generation {
	o.drop(now)
	end := windowEnd(exp, now)
	var next, last *generation
	for i := range o.gens {
		g := o.gens[i].Load()
		switch {
		case g == nil:
			continue
		case g.until == end:
			return g
		case g.until >= exp && (next == nil || g.until < next.until):
			next = g
		}
		if last == nil || g.until > last.until {
			last = g
		}
	}
	switch {
	case o.live.Load() < generations:
		return o.open(end)
	case next == nil:
		last.until = end
		return last
	}
	return next
}

// open starts a generation in a free place. There must be one.
func (o *overflow) open(end seconds) *generation {
	g := &generation{until: end, bits: make([]atomic.Uint64, o.words)}
	for i := range o.gens {
		if o.gens[i].CompareAndSwap(nil, g) {
			o.live.Add(1)
			break
		}
	}
	return g
}

// windowEnd rounds an expiry up to a multiple of the power of two next to what
// is left of the entry's life: no id stays more than three times as long as it
// must, or 256 s, and lives of up to a day need no more than the generations there are.
func windowEnd(exp seconds, now time.Duration) seconds {
	left := max(shortestWindow, int64(exp)-int64(now/time.Second))
	window := int64(1) << bits.Len64(uint64(left-1))
	return seconds(min((int64(exp)+window-1)/window*window, math.MaxUint32))
}

func (o *overflow) sweep(now time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drop(now)
}

func (o *overflow) drop(now time.Duration) {
	for i := range o.gens {
		if g := o.gens[i].Load(); g != nil && !g.until.after(now) {
			o.gens[i].Store(nil)
			o.live.Add(-1)
		}
	}
}

func (o *overflow) count() (n uint64) {
	for i := range o.gens {
		if g := o.gens[i].Load(); g != nil {
			n += g.count.Load()
		}
	}
	return n
}

// Keys are uniform hashes, so their halves serve for double hashing.
func (g *generation) probe(lo, hi uint64, i int) (word, bit uint64) {
	n := lo>>7 + uint64(i)*(hi|1)
	return n / 64 & uint64(len(g.bits)-1), 1 << (n % 64)
}

func (g *generation) has(lo, hi uint64) bool {
	for i := range probes {
		if word, bit := g.probe(lo, hi, i); g.bits[word].Load()&bit == 0 {
			return false
		}
	}
	return true
}

// add reports whether the key was new.
func (g *generation) add(lo, hi uint64) (changed bool) {
	for i := range probes {
		word, bit := g.probe(lo, hi, i)
		changed = g.bits[word].Or(bit)&bit == 0 || changed
	}
	return changed
}
