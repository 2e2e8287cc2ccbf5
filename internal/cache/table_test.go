package cache

import (
	"math/rand/v2"
	"testing"
)

// Slots of a tiny table collide all the time; every sequence of put and remove
// must leave exactly the entries that a map holds.
func TestTableAgainstAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	tab, model := newTable(16, false), map[Key]seconds{}
	for range 200_000 {
		k := testKey(rng.IntN(20))
		lo, hi := k.halves()
		slot, found := tab.find(lo, hi)
		switch exp, want := model[k]; {
		case found != want:
			t.Fatalf("found %v, want %v", found, want)
		case found && seconds(tab.exp[slot].Load()) != exp:
			t.Fatalf("expiry %d, want %d", tab.exp[slot].Load(), exp)
		case found:
			tab.remove(slot)
			delete(model, k)
		case tab.fits(len(model) + 1):
			model[k] = seconds(rng.Uint32())
			tab.put(slot, lo, hi, model[k])
		}
	}
	g := tab.grown()
	for i := range 20 {
		slot, found := g.find(testKey(i).halves())
		if exp, want := model[testKey(i)]; found != want || found && seconds(g.exp[slot].Load()) != exp {
			t.Errorf("entry %d changed when the table grew", i)
		}
	}
}

func TestTableComparesBothHalves(t *testing.T) {
	tab := newTable(16, false)
	tab.put(1, 1, 0x100, 100)
	for _, other := range [][2]uint64{{1, 0x200}, {17, 0x100}} { // same home, same tag
		if _, found := tab.find(other[0], other[1]); found {
			t.Errorf("%x was taken for another key", other)
		}
	}
	tab.put(0, 0, 0, 100) // all zeros, but not empty
	if _, found := tab.find(0, 0); !found {
		t.Error("the key of zeros was lost")
	}
}
