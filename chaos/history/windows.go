package history

import (
	"cmp"
	"slices"
	"time"
)

// All and Healthy are the rows that stand beside the faults: every call, and
// those that no fault touched. No fault may have such a name. All is also the
// row of every edge.
const (
	All     = "all"
	Healthy = "healthy"
)

// Windows finds the faults that touched a span.
type windows struct {
	faults []Fault // by start
	// latest is the latest end of the faults up to and including each.
	latest []time.Duration
}

func newWindows(faults []Fault) *windows {
	w := &windows{faults: slices.Clone(faults)}
	slices.SortStableFunc(w.faults, func(a, b Fault) int { return cmp.Compare(a.Start, b.Start) })
	var latest time.Duration
	for _, f := range w.faults {
		latest = max(latest, f.End)
		w.latest = append(w.latest, latest)
	}
	return w
}

// names lists the faults in the order in which they first happened.
func (w *windows) names() (names []string) {
	for _, f := range w.faults {
		names = appendNew(names, f.Name)
	}
	return names
}

// rows appends to dst the rows that an operation with this span belongs to:
// All, and either each fault that touched it or Healthy.
func (w *windows) rows(dst []string, s Span) []string {
	dst = append(dst, All)
	began, _ := slices.BinarySearchFunc(w.faults, s.End, func(f Fault, end time.Duration) int {
		if f.Start <= end {
			return -1
		}
		return 1
	})
	for i := began - 1; i >= 0 && w.latest[i] >= s.Start; i-- {
		if w.faults[i].overlaps(s) {
			dst = appendNew(dst, w.faults[i].Name)
		}
	}
	if len(dst) == 1 {
		dst = append(dst, Healthy)
	}
	return dst
}

func appendNew(dst []string, name string) []string {
	if slices.Contains(dst, name) {
		return dst
	}
	return append(dst, name)
}
