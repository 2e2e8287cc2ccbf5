package fleet

import (
	"encoding/json"
	"slices"
	"time"
)

const (
	// askAgainAfter is the least time between two questions of one round
	// to the same edge.
	askAgainAfter = 250 * time.Millisecond
	// maxRoundSize bounds a question to what every NATS server takes.
	maxRoundSize = 700 << 10 // bytes
)

// A round is one question to the whole fleet, on behalf of all who waited when
// it was put. Guarded by the registry's lock.
type round struct {
	question
	size  int    // a bound of what data will be, in bytes
	data  []byte // the question as it is sent
	parts []*part
	asked time.Time
	edges int // expected when it was asked
	// known says that all who can be fresh are expected.
	known bool
	// proved says that after the question was put the server answered, and
	// so had nothing left for us that was older.
	proved bool

	expected map[instance]bool
	silent   map[instance]time.Time // who has not answered: asked when
	lacking  map[instance][]int     // who has, and which entries it lacks
}

// A part is what one wait has in one round: the entries from lo to below hi.
type part struct {
	round  *round
	wait   *waiter
	lo, hi int
	done   bool
}

func (rd *round) full() bool { return len(rd.Entries) == maxEntries || rd.size > maxRoundSize }

func (rd *round) add(e Entry, seq uint64) {
	rd.Entries, rd.Seq = append(rd.Entries, e), max(rd.Seq, seq)
	rd.size += 160 + 6*(len(e.Issuer)+len(e.Tenant)+len(e.Subject)) // JSON may write a byte as six
}

// begin fixes who is expected, and returns false if nobody waits any more.
func (rd *round) begin(expected []instance, known bool, now time.Time) bool {
	rd.expected, rd.silent, rd.lacking = map[instance]bool{}, map[instance]time.Time{}, map[instance][]int{}
	rd.expect(expected, now)
	rd.asked, rd.known, rd.edges = now, known, len(expected)
	var err error
	rd.data, err = json.Marshal(rd.question)
	return err == nil && len(rd.parts) > 0
}

// expect adds edges, and returns those that are new.
func (rd *round) expect(edges []instance, now time.Time) (added []instance) {
	for _, key := range edges {
		if !rd.expected[key] {
			rd.expected[key], rd.silent[key] = true, now
			added = append(added, key)
		}
	}
	return added
}

// take takes an answer in. Who has confirmed everything has done so for good.
func (rd *round) take(key instance, missing []int) {
	_, silent := rd.silent[key]
	if _, lacking := rd.lacking[key]; !silent && !lacking {
		return
	}
	delete(rd.silent, key)
	if rd.lacking[key] = missing; len(missing) == 0 {
		delete(rd.lacking, key)
	}
	rd.judge()
}

// release no longer expects an edge that is safe.
func (rd *round) release(key instance) {
	delete(rd.expected, key)
	delete(rd.silent, key)
	delete(rd.lacking, key)
	rd.judge()
}

// judge ends the parts that all edges have confirmed.
func (rd *round) judge() {
	if !rd.proved || len(rd.silent) > 0 {
		return
	}
	for _, p := range rd.parts {
		if !p.done && len(p.without()) == 0 {
			p.done = true
			p.wait.partDone()
		}
	}
}

// without lists the edges that have not confirmed the part.
func (p *part) without() (out []instance) {
	for key := range p.round.silent {
		out = append(out, key)
	}
	for key, missing := range p.round.lacking {
		if slices.ContainsFunc(missing, func(n int) bool { return p.lo <= n && n < p.hi }) {
			out = append(out, key)
		}
	}
	return out
}
