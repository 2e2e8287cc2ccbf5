package fleet

import (
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

// A lag is how far an edge is behind.
type lag struct {
	messages int64
	age      time.Duration
}

// maxSamples times the sampling interval is the longest lag that is told.
const maxSamples = 240

// A trace remembers when the issuer itself had read how far, to tell how old
// another's position is.
type trace struct {
	samples []sample // ascending in time and position
}

type sample struct {
	at  time.Time
	pos events.Position
}

func (t *trace) add(at time.Time, pos events.Position) {
	if n := len(t.samples); n > 0 {
		last := t.samples[n-1].pos
		switch {
		case last == pos:
			return
		case last.Epoch != pos.Epoch || last.Lineage != pos.Lineage || pos.Seq < last.Seq:
			t.samples = t.samples[:0]
		case n == maxSamples:
			t.samples = append(t.samples[:0], t.samples[1:]...)
		}
	}
	t.samples = append(t.samples, sample{at, pos})
}

// lag is how far seq of the epoch is behind. An edge may well be ahead of the
// issuer.
func (t *trace) lag(now time.Time, epoch string, seq uint64) lag {
	n := len(t.samples)
	if n == 0 || t.samples[n-1].pos.Epoch != epoch {
		return lag{messages: -1}
	}
	for _, s := range t.samples {
		if s.pos.Seq > seq {
			return lag{int64(t.samples[n-1].pos.Seq - seq), now.Sub(s.at)}
		}
	}
	return lag{}
}
