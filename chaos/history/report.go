package history

import (
	"errors"
	"fmt"
	"time"
)

// ErrViolated is wrapped by the error of a report that found violations.
var ErrViolated = errors.New("history: the promise was broken")

// A Report is what Check found.
type Report struct {
	Bound, Slack time.Duration

	Ops, Logins, Refreshes, Calls int
	Revokes                       map[RevokeOutcome]int

	// Counts holds every violation, Violations the first hundred of each kind.
	Counts     map[Kind]int
	Violations []Violation

	// Reaccepted counts tokens accepted after a refusal, legally: at an edge
	// that was behind by less than B, or after a lapse.
	Reaccepted int

	Rows        []Row // All and Healthy, then each fault
	Propagation []Propagation
}

// Err is nil if there were no violations.
func (r Report) Err() error {
	total := 0
	for _, n := range r.Counts {
		total += n
	}
	if total == 0 {
		return nil
	}
	return fmt.Errorf("%w: %d violations, the first: %v", ErrViolated, total, r.Violations[0])
}

// Row returns the counts of one fault (or All, Healthy) at one edge (or All);
// without calls they are zero.
func (r Report) Row(fault, edge string) Row {
	for _, row := range r.Rows {
		if row.Fault == fault && row.Edge == edge {
			return row
		}
	}
	return Row{Fault: fault, Edge: edge}
}
