package cache

import "sync/atomic"

// A table is an open-addressing hash set of keys with expiries, at most three
// quarters full. One byte of the hash per slot, kept apart, decides nearly every
// search that misses: ten million ids have 16 MB of these, so that a miss costs
// little more than among a thousand. One goroutine may write at a time. Readers
// need nothing during put, but must not trust what they saw during remove,
// which moves entries.
type table struct {
	mask uint64
	tags []atomic.Uint64 // eight slots to a word; a byte of 0: empty
	lo   []atomic.Uint64
	hi   []atomic.Uint64
	exp  []atomic.Uint32
	cuts []cut // of a table of cutoffs; else nil
}

// A cut holds the cutoffs of one key, as stamps; 0: none.
type cut struct{ end, refresh atomic.Int64 }

// newTable makes an empty table, of cutoffs or of plain ids; slots is a power of
// two, at least 8.
func newTable(slots int, cutoffs bool) *table {
	t := &table{
		mask: uint64(slots - 1),
		tags: make([]atomic.Uint64, slots/8),
		lo:   make([]atomic.Uint64, slots),
		hi:   make([]atomic.Uint64, slots),
		exp:  make([]atomic.Uint32, slots),
	}
	if cutoffs {
		t.cuts = make([]cut, slots)
	}
	return t
}

func tagOf(hi uint64) uint8 { return max(1, uint8(hi)) }

func (t *table) tag(slot uint64) uint8 { return uint8(t.tags[slot/8].Load() >> (slot % 8 * 8)) }

func (t *table) setTag(slot uint64, tag uint8) {
	shift := slot % 8 * 8
	word := &t.tags[slot/8]
	word.Store(word.Load()&^(0xff<<shift) | uint64(tag)<<shift)
}

func (t *table) used(slot uint64) bool { return t.tag(slot) != 0 }

func (t *table) slots() int { return len(t.lo) }

// fits reports whether n entries leave the table at most three quarters full.
func (t *table) fits(n int) bool { return n*4 <= t.slots()*3 }

// find returns the slot of the key, or the empty slot where it belongs.
func (t *table) find(lo, hi uint64) (slot uint64, found bool) {
	slot = lo & t.mask
	want := tagOf(hi)
	for range t.lo { // a reader racing with remove must not probe for ever
		switch t.tag(slot) {
		case 0:
			return slot, false
		case want:
			if t.lo[slot].Load() == lo && t.hi[slot].Load() == hi {
				return slot, true
			}
		}
		slot = (slot + 1) & t.mask
	}
	return 0, false
}

// put fills an empty slot. The tag is stored last: a reader that sees it also
// sees the rest.
func (t *table) put(slot, lo, hi uint64, exp seconds) {
	t.lo[slot].Store(lo)
	t.hi[slot].Store(hi)
	t.exp[slot].Store(uint32(exp))
	t.setTag(slot, tagOf(hi))
}

// raise moves the cutoffs of a slot up to c, never down.
func (t *table) raise(slot uint64, c Cutoff) {
	if t.cuts != nil {
		raise(&t.cuts[slot].end, c.End)
		raise(&t.cuts[slot].refresh, c.Refresh)
	}
}

func (t *table) cut(slot uint64) Cutoff {
	if t.cuts == nil {
		return Cutoff{}
	}
	return Cutoff{End: t.cuts[slot].end.Load(), Refresh: t.cuts[slot].refresh.Load()}
}

// setCut gives the cutoffs of an empty slot, to be stored before put.
func (t *table) setCut(slot uint64, c Cutoff) {
	if t.cuts != nil {
		t.cuts[slot].end.Store(c.End)
		t.cuts[slot].refresh.Store(c.Refresh)
	}
}

func (t *table) at(slot uint64) (lo, hi uint64, exp seconds) {
	return t.lo[slot].Load(), t.hi[slot].Load(), seconds(t.exp[slot].Load())
}

// remove empties the slot and closes the gap (linear probing without
// tombstones): an entry moves into the hole unless that lies before its home.
func (t *table) remove(hole uint64) {
	for next := (hole + 1) & t.mask; t.used(next); next = (next + 1) & t.mask {
		lo, hi, exp := t.at(next)
		if (next-lo)&t.mask >= (next-hole)&t.mask {
			t.setCut(hole, t.cut(next))
			t.put(hole, lo, hi, exp)
			hole = next
		}
	}
	t.setTag(hole, 0)
}

// grown returns a copy with twice the slots.
func (t *table) grown() *table {
	g := newTable(2*t.slots(), t.cuts != nil)
	for i := range t.lo {
		if t.used(uint64(i)) {
			lo, hi, exp := t.at(uint64(i))
			slot, _ := g.find(lo, hi)
			g.setCut(slot, t.cut(uint64(i)))
			g.put(slot, lo, hi, exp)
		}
	}
	return g
}
