package events

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"
)

const (
	// censusSlack is how long before its end a revocation stops being
	// expected in the log: the log expires by a coarse clock, and its leader
	// may move to a machine whose clock differs a little.
	censusSlack = time.Minute
	// censusRecent bounds how far a State may lag behind the census.
	censusRecent = 4096
)

// A Tally says which revocations a reader has counted.
type Tally struct {
	// Revocations is how many they are.
	Revocations uint64 `json:"revocations"`
	// Digest is the sum of their hashes, so it does not depend on the order.
	// Two readers that counted the same messages have the same digest; two that
	// counted as many others have another.
	Digest uint64 `json:"digest"`
}

func (t *Tally) add(other Tally) {
	t.Revocations, t.Digest = t.Revocations+other.Revocations, t.Digest+other.Digest
}

func (t *Tally) sub(other Tally) {
	t.Revocations, t.Digest = t.Revocations-other.Revocations, t.Digest-other.Digest
}

// A census counts what a log must still hold on the subjects of revocations, by
// the minute in which the log will expire it. Garbage counts: the log itself counts
// it too, and would hide the loss of as many revocations. The size of a census does
// not depend on how much it has counted.
type census struct {
	byMinute map[int64]Tally
	recent   []counted // the latest revocations, by ascending sequence
}

// A counted revocation is one that the census has counted.
type counted struct {
	seq    uint64
	minute int64
	hash   uint64
}

// hashOf tells a message of the log from every other.
func hashOf(seq uint64, data []byte) uint64 {
	var d xxhash.Digest
	d.ResetWithSeed(0)
	var at [8]byte
	binary.LittleEndian.PutUint64(at[:], seq)
	_, _ = d.Write(at[:]) // never fails
	_, _ = d.Write(data)
	return d.Sum64()
}

func (c *census) add(m Message) {
	if m.Kind != KindRevocation && m.Kind != KindGarbage {
		return
	}
	if c.byMinute == nil {
		c.byMinute = make(map[int64]Tally)
	}
	one := counted{m.Seq, math.MaxInt64, hashOf(m.Seq, m.Data)} // without a TTL it stays for ever
	if m.TTL > 0 {
		one.minute = m.Time.Add(m.TTL).Unix() / 60
	}
	t := c.byMinute[one.minute]
	t.add(Tally{1, one.hash})
	c.byMinute[one.minute] = t
	if len(c.recent) == censusRecent {
		c.recent = slices.Delete(c.recent, 0, censusRecent/2)
	}
	c.recent = append(c.recent, one)
}

// has reports whether the very message is among the latest that were counted.
func (c *census) has(seq, hash uint64) bool {
	i, found := slices.BinarySearchFunc(c.recent, seq, bySequence)
	return found && c.recent[i].hash == hash
}

func bySequence(c counted, seq uint64) int {
	switch {
	case c.seq < seq:
		return -1
	case c.seq > seq:
		return 1
	}
	return 0
}

// upTo returns what was counted of the revocations up to s.LastSeq that are not
// due to expire at s.Now. Any two readers of the whole log get the same for the
// same s. ok is false when the count has moved too far past s.
func (c *census) upTo(s State) (t Tally, ok bool) {
	i, _ := slices.BinarySearchFunc(c.recent, s.LastSeq+1, bySequence)
	if i == 0 && len(c.recent) >= censusRecent/2 {
		return Tally{}, false
	}
	from := s.Now.Add(censusSlack).Unix() / 60
	t = c.live(from)
	for _, newer := range c.recent[i:] {
		if newer.minute > from {
			t.sub(Tally{1, newer.hash})
		}
	}
	return t, true
}

// live sums up what is due after a minute, and forgets what is long past.
func (c *census) live(from int64) (t Tally) {
	for minute, part := range c.byMinute {
		switch {
		case minute > from:
			t.add(part)
		case minute < from-60: // an hour, should the log's clock step back
			delete(c.byMinute, minute)
		}
	}
	return t
}
