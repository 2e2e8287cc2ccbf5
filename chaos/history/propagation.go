package history

import (
	"maps"
	"slices"
	"time"
)

// A Propagation says how soon after its 200 a revocation was seen to be
// refused at one edge, or at All: from the revocation's end to the end of the
// first call there that was refused, or 0 if that was earlier. It is an upper
// bound that is only as fine as the calls are frequent.
//
// Only revocations and refusals with no fault between them count, and only
// tokens that a single revocation could have reached.
type Propagation struct {
	Edge          string
	Count         int
	P50, P99, Max time.Duration
}

// seen is one revocation at one edge.
type seen struct {
	revoke *Revoke
	edge   string
}

// A stopwatch finds, per revocation and edge, the first refusal's end.
type stopwatch map[seen]time.Duration

func (w stopwatch) refused(c *Call, t *token) {
	if t.ended == nil || t.reason != 1 {
		return
	}
	key := seen{t.ended, c.Edge}
	if end, ok := w[key]; !ok || c.End < end {
		w[key] = c.End
	}
}

// propagations sums up what happened while the windows were all closed.
func (w stopwatch) propagations(faults *windows) []Propagation {
	times := make(map[string][]time.Duration)
	var rows []string
	for k, end := range w {
		rows = faults.rows(rows[:0], Span{k.revoke.Start, end})
		if rows[1] != Healthy {
			continue
		}
		took := max(0, end-k.revoke.End)
		times[k.edge] = append(times[k.edge], took)
		times[All] = append(times[All], took)
	}
	var out []Propagation
	for _, edge := range slices.Sorted(maps.Keys(times)) {
		out = append(out, summarise(edge, times[edge]))
	}
	return out
}

func summarise(edge string, times []time.Duration) Propagation {
	slices.Sort(times)
	return Propagation{
		Edge:  edge,
		Count: len(times),
		P50:   percentile(times, 50),
		P99:   percentile(times, 99),
		Max:   times[len(times)-1],
	}
}

// percentile is the nearest-rank percentile of sorted, non-empty times.
func percentile(times []time.Duration, p int) time.Duration {
	return times[max(0, (len(times)*p+99)/100-1)]
}
