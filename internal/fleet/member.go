package fleet

import (
	"cmp"
	"time"
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

// States that no edge reports of itself.
const (
	// Gone: it has fallen silent.
	Gone = "gone"
	// Unreadable: somebody reports under that name, in a way that this issuer
	// cannot read. It may be fresh, and cannot confirm.
	Unreadable = "unreadable"
)

// Others is the id of all those for whom there is no room in the list.
const Others = "(others)"

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
	secret      []byte // shared with the edge; nil: it cannot confirm
	unreadable  bool
}

// unreadable is what is shown of a member whose report cannot be read.
func unreadable(id string) Report {
	return Report{ID: id, Mode: Unknown, State: Unreadable, Store: Unknown, FreshAgeMS: -1}
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
