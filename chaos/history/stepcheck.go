package history

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// The rules of the edges' own steps, as the model has them.
const (
	StaleClear    Kind = "clear, outside of its window"
	LongWindow    Kind = "a window longer than B"
	Unrenewed     Kind = "clear as of an instant that no renewal had granted"
	SearchedFirst Kind = "searched before the window was fixed"
	MissedEntry   Kind = "clear, although an entry was held before the search"
	HastyRenewal  Kind = "renewed before all that the log held had been taken"
)

// stepSlack is how long before its end a revocation is not expected any more: the
// log expires it by a clock of its own.
const stepSlack = time.Minute

// A StepReport is what CheckSteps found.
type StepReport struct {
	Processes, Decisions, Clear, Renewals, Taken int
	Counts                                       map[Kind]int
	// Findings are the first of each kind, in words.
	Findings []string
}

// CheckSteps judges the steps of all edge processes of one run. No edge's bound
// is more than b. Lapses tell, on the edges' clock, when the log may have lost entries that no
// other copy held.
//
// Which revocations there were is taken from all processes together: one that any
// edge has read from the log must have been read by every edge that was renewed up
// to it or beyond, in the same epoch, until its life is over.
func CheckSteps(all []Steps, b time.Duration, lapses []Span) StepReport {
	r := &stepReport{StepReport{Processes: len(all), Counts: make(map[Kind]int)}}
	first := firstTaken(all)
	for i := range all {
		s := &all[i]
		r.Decisions, r.Renewals, r.Taken = r.Decisions+len(s.Decisions), r.Renewals+len(s.Renewals), r.Taken+len(s.Taken)
		r.decisions(s, b)
		r.renewals(s, first, lapses)
	}
	return r.StepReport
}

// Err is nil if every step kept the rules.
func (r StepReport) Err() error {
	if len(r.Findings) == 0 {
		return nil
	}
	return fmt.Errorf("%w: steps %v, such as: %s", ErrViolated, r.Counts, r.Findings[0])
}

type stepReport struct{ StepReport }

// perKind bounds the findings of each kind that are kept.
const perKind = 10

func (r *stepReport) found(k Kind, s *Steps, about any) {
	r.Counts[k]++
	if r.Counts[k] <= perKind {
		r.Findings = append(r.Findings, fmt.Sprintf("%s: %s: %+v", k, s.Name, about))
	}
}

func (r *stepReport) decisions(s *Steps, b time.Duration) {
	granted := make(map[time.Duration]uint64) // the first renewal as of an instant
	for _, n := range s.Renewals {
		if _, ok := granted[n.AsOf]; !ok {
			granted[n.AsOf] = n.Number
		}
	}
	kept := make(map[uint64][]Kept)
	for _, k := range s.Kept {
		kept[k.ID] = append(kept[k.ID], k)
	}
	for _, d := range s.Decisions {
		if !d.Clear {
			continue // never wrong to refuse or to ask
		}
		r.Clear++
		number, renewed := granted[d.AsOf]
		for kind, broken := range map[Kind]bool{
			StaleClear:    d.Now < d.From || d.Now > d.Until || d.Now < d.AsOf,
			LongWindow:    d.Until-d.AsOf > b,
			Unrenewed:     d.Window == 0 || !renewed || number > d.Window,
			SearchedFirst: d.Search < d.Window,
			MissedEntry:   d.misses(kept),
		} {
			if broken {
				r.found(kind, s, d)
			}
		}
	}
}

// misses reports whether an id was held before the search, and not yet over.
func (d *Decision) misses(kept map[uint64][]Kept) bool {
	for _, id := range d.IDs {
		for _, k := range kept[id] {
			if k.Number < d.Search && d.Now+time.Second < k.Until { // a copy counts whole seconds
				return true
			}
		}
	}
	return false
}

// firstTaken lists each revocation as it was read first, in that order.
func firstTaken(all []Steps) []Taken {
	first := make(map[uint64]Taken)
	for _, s := range all {
		for _, t := range s.Taken {
			if f, ok := first[t.ID]; !ok || t.Now < f.Now {
				first[t.ID] = t
			}
		}
	}
	return slices.SortedFunc(maps.Values(first), func(a, b Taken) int { return cmp.Compare(a.Now, b.Now) })
}

// renewals looks, for each, for a revocation that some process had read by then
// and this one had not.
func (r *stepReport) renewals(s *Steps, known []Taken, lapses []Span) {
	had, missing := make(map[uint64]bool), make(map[uint64]Taken)
	took, next := 0, 0
	for _, n := range s.Renewals {
		for ; took < len(s.Taken) && s.Taken[took].Number < n.Number; took++ {
			had[s.Taken[took].ID] = true
			delete(missing, s.Taken[took].ID)
		}
		for ; next < len(known) && known[next].Now <= n.Now; next++ {
			if !had[known[next].ID] {
				missing[known[next].ID] = known[next]
			}
		}
		for _, t := range missing {
			if n.needs(t) && !lost(t, n, lapses) {
				r.found(HastyRenewal, s, []any{n, t})
			}
		}
	}
}

// needs reports whether the renewal says that the copy holds a revocation.
func (n Renewal) needs(t Taken) bool {
	return n.Epoch == t.Epoch && n.Seq >= t.Seq && n.Now < t.Now+t.TTL-stepSlack
}

func lost(t Taken, n Renewal, lapses []Span) bool {
	for _, l := range lapses {
		if l.overlaps(Span{t.Now, n.Now}) {
			return true
		}
	}
	return false
}
