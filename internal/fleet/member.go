package fleet

import (
	"cmp"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

const (
	// goneAfter is how long an edge may be silent before it counts as gone:
	// it has then missed three reports in a row.
	goneAfter = 5 * time.Second
	// expectFor is how long a silent edge is still expected to confirm what
	// is revoked. It is safe much sooner, since without the log it is no
	// longer fresh after B; but whoever revokes should hear of it.
	expectFor = time.Minute
	// forgetAfter is how long a silent edge is shown.
	forgetAfter = 10 * time.Minute
)

// Gone is the state of an edge that has fallen silent.
const Gone = "gone"

// An instance is one life of an edge.
type instance struct{ id, nonce string }

func (a instance) compare(b instance) int {
	return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.nonce, b.nonce))
}

// A member is an edge that has reported.
type member struct {
	Report
	first, last time.Time // seen
	lag         lag
}

func (m *member) silence(now time.Time) time.Duration { return now.Sub(m.last) }

// An Edge is one row of the fleet view.
type Edge struct {
	Report
	// LagMessages is how many messages of the log it had not applied at
	// its last report; -1 if it follows another log.
	LagMessages int64 `json:"lag_messages"`
	// LagMS is for how long, in milliseconds, there had been more to apply.
	LagMS    int64     `json:"lag_ms"`
	LastSeen time.Time `json:"last_seen"`
	// SilentMS is how long ago that was, by the issuer's clock.
	SilentMS int64 `json:"silent_ms"`
}

func (m *member) edge(now time.Time) Edge {
	e := Edge{
		Report: m.Report, LagMessages: m.lag.messages, LagMS: m.lag.age.Milliseconds(),
		LastSeen: m.last.UTC().Truncate(time.Millisecond), SilentMS: m.silence(now).Milliseconds(),
	}
	if m.silence(now) > goneAfter {
		e.State = Gone
	}
	return e
}

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
