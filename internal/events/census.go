package events

import (
	"slices"
	"time"
)

const (
	// censusSlack is how long before its end a revocation stops being
	// expected in the log: the log expires by a coarse clock, and its leader
	// may move to a machine whose clock differs a little.
	censusSlack = time.Minute
	// censusRecent bounds how far a State may lag behind the census.
	censusRecent = 4096
)

// A census counts the revocations that a log must still hold, by the minute in
// which the log will expire them. Its size does not depend on their number.
type census struct {
	byMinute map[int64]uint64
	recent   []uint64 // sequences of the latest revocations, ascending
}

func (c *census) add(m Message) {
	if m.Kind != KindRevocation || m.TTL <= 0 {
		return
	}
	if c.byMinute == nil {
		c.byMinute = make(map[int64]uint64)
	}
	c.byMinute[m.Time.Add(m.TTL).Unix()/60]++
	if len(c.recent) == censusRecent {
		c.recent = slices.Delete(c.recent, 0, censusRecent/2)
	}
	c.recent = append(c.recent, m.Seq)
}

// upTo returns how many revocations were counted among those up to s.LastSeq
// and not due to expire at s.Now. Any two readers of the whole log get the same
// number for the same s. ok is false when the count has moved too far past s.
func (c *census) upTo(s State) (n uint64, ok bool) {
	i, _ := slices.BinarySearch(c.recent, s.LastSeq+1)
	if i == 0 && len(c.recent) >= censusRecent/2 {
		return 0, false
	}
	newer := uint64(len(c.recent) - i)
	return c.live(s.Now) - min(newer, c.live(s.Now)), true
}

// live returns how many of the counted are not due at now, and forgets those
// that are long past.
func (c *census) live(now time.Time) uint64 {
	from := now.Add(censusSlack).Unix() / 60
	var n uint64
	for minute, count := range c.byMinute {
		switch {
		case minute > from:
			n += count
		case minute < from-60: // an hour, should the log's clock step back
			delete(c.byMinute, minute)
		}
	}
	return n
}
