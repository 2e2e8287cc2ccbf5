package cache

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestOverflowForgetsNothingUnexpired(t *testing.T) {
	type entry struct {
		k   Key
		exp seconds
	}
	rng := rand.New(rand.NewPCG(3, 4))
	ttls := []int{1, 30, 900, 910, 7200, 86400, 30 * 86400}
	o, live := newOverflow(1000), []entry{}
	var now time.Duration
	for i := range 20_000 {
		now += time.Duration(rng.IntN(2000)) * time.Millisecond
		e := entry{testKey(i), expiry(now, time.Duration(rng.IntN(ttls[rng.IntN(len(ttls))])+1)*time.Second)}
		lo, hi := e.k.halves()
		o.add(lo, hi, e.exp, now)
		live = append(live, e)
		o.sweep(now)
		if p := live[rng.IntN(len(live))]; p.exp.after(now) && !o.has(p.k.halves()) {
			t.Fatalf("id that expires at %d was forgotten at %v", p.exp, now)
		}
	}
	o.sweep(now + 365*24*time.Hour)
	if o.count() != 0 || o.live.Load() != 0 || o.has(live[0].k.halves()) {
		t.Error("expired generations were kept")
	}
}

// With every generation in use, an id goes into the next that outlives it, or
// prolongs the last.
func TestOverflowWhenGenerationsRunOut(t *testing.T) {
	o := newOverflow(1)
	for i := range generations { // ends 512, 1024, 2048, ...
		lo, hi := testKey(i).halves()
		o.add(lo, hi, 1<<(8+i)+1, 0)
	}
	const last = 1<<(8+generations) + 1
	short, long := testKey(100), testKey(101)
	lo, hi := short.halves()
	o.add(lo, hi, 100, 0)
	lo, hi = long.halves()
	o.add(lo, hi, last, 0)
	if o.sweep(99 * time.Second); !o.has(short.halves()) {
		t.Error("the short-lived id was forgotten")
	}
	if o.sweep(512 * time.Second); o.has(short.halves()) {
		t.Error("the short-lived id outstays the next window")
	}
	if o.sweep((last - 1) * time.Second); !o.has(long.halves()) {
		t.Error("the long-lived id was forgotten")
	}
}

// Steady overflow must not keep old ids for ever.
func TestOverflowRotates(t *testing.T) {
	for _, ttl := range []time.Duration{time.Minute, 15 * time.Minute, 24 * time.Hour} {
		o, n := newOverflow(1000), 0
		step := ttl / 500
		var now time.Duration
		for ; now < 12*(ttl+10*time.Minute); now += step {
			left := time.Duration(mix(uint64(n))%uint64(ttl)) + 1
			lo, hi := testKey(n).halves()
			o.add(lo, hi, expiry(now, left), now)
			n++
		}
		perLife := uint64((ttl + shortestWindow*time.Second) / step)
		if got := o.count(); got > 3*perLife {
			t.Errorf("ttl %v: %d ids held, though %d are added in one lifetime", ttl, got, perLife)
		}
	}
}

func TestOverflowFalseHits(t *testing.T) {
	const ids, foreign = 100_000, 100_000
	o := newOverflow(1000)
	for i := range ids {
		lo, hi := testKey(i).halves()
		o.add(lo, hi, 900, 0)
	}
	hits := 0
	for i := range foreign {
		if o.has(testKey(ids + i).halves()) {
			hits++
		}
	}
	if hits > foreign/1000 {
		t.Errorf("%d of %d ids that were never evicted are claimed", hits, foreign)
	}
	if n := o.count(); n < ids-ids/100 || n > ids {
		t.Errorf("count %d, want about %d", n, ids)
	}
	for i := range ids {
		lo, hi := testKey(i).halves()
		o.add(lo, hi, 900, 0)
	}
	if n := o.count(); n > ids {
		t.Errorf("count %d: ids evicted twice were counted twice", n)
	}
}
