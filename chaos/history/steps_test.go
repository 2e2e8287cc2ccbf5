package history

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// goodSteps are two edges that read one revocation; the first then decides about a
// token of another session. The life of the revocation is ten minutes.
func goodSteps() []Steps {
	took := Taken{Number: 1, Epoch: 7, Seq: 10, ID: 99, TTL: 600 * s, Now: 20 * s}
	return []Steps{{
		Name:     "edge-1",
		Taken:    []Taken{took},
		Kept:     []Kept{{Number: 2, ID: 5, Until: 620 * s}},
		Renewals: []Renewal{{Number: 3, Epoch: 7, Seq: 12, AsOf: 21 * s, Now: 22 * s}},
		Decisions: []Decision{{
			Clear: true, Window: 4, Search: 5, AsOf: 21 * s, Until: 26 * s, Now: 23 * s, IDs: [3]uint64{6, 7, 8},
		}},
	}, {
		Name:     "edge-2",
		Taken:    []Taken{took},
		Renewals: []Renewal{{Number: 2, Epoch: 7, Seq: 11, AsOf: 21 * s, Now: 22 * s}},
	}}
}

func TestSteps(t *testing.T) {
	for name, f := range map[string]struct {
		spoil func(a, b *Steps)
		want  Kind
	}{
		"good":                       {func(_, _ *Steps) {}, ""},
		"after its window":           {func(a, _ *Steps) { a.Decisions[0].Now = 26*s + 1 }, StaleClear},
		"at its end":                 {func(a, _ *Steps) { a.Decisions[0].Now = 26 * s }, ""},
		"while in doubt":             {func(a, _ *Steps) { a.Decisions[0].From = 24 * s }, StaleClear},
		"as of the future":           {func(a, _ *Steps) { a.Decisions[0].Now = 20 * s }, StaleClear},
		"refused after its window":   {func(a, _ *Steps) { a.Decisions[0].Now, a.Decisions[0].Clear = 60*s, false }, ""},
		"a window longer than B":     {func(a, _ *Steps) { a.Decisions[0].Until = 26*s + 1 }, LongWindow},
		"never renewed":              {func(a, _ *Steps) { a.Renewals = nil }, Unrenewed},
		"no window":                  {func(a, _ *Steps) { a.Decisions[0].Window = 0 }, Unrenewed},
		"renewed as of another time": {func(a, _ *Steps) { a.Renewals[0].AsOf-- }, Unrenewed},
		"renewed later":              {func(a, _ *Steps) { a.Decisions[0].Window = 2 }, Unrenewed},
		"searched first":             {func(a, _ *Steps) { a.Decisions[0].Window = 6 }, SearchedFirst},
		"held before the search":     {func(a, _ *Steps) { a.Decisions[0].IDs[1] = 5 }, MissedEntry},
		"held after the search":      {func(a, _ *Steps) { a.Decisions[0].IDs[1], a.Kept[0].Number = 5, 6 }, ""},
		"held and over":              {func(a, _ *Steps) { a.Decisions[0].IDs[1], a.Kept[0].Until = 5, 23*s }, ""},
		"taken after the renewal":    {func(a, _ *Steps) { a.Taken[0].Number = 4 }, HastyRenewal},
		"never taken":                {func(_, b *Steps) { b.Taken = nil }, HastyRenewal},
		"not read so far":            {func(_, b *Steps) { b.Taken, b.Renewals[0].Seq = nil, 9 }, ""},
		"in another epoch":           {func(_, b *Steps) { b.Taken, b.Renewals[0].Epoch = nil, 8 }, ""},
		"taken under another number": {func(_, b *Steps) { b.Taken[0].Seq = 11 }, ""},
		"about to end":               {func(_, b *Steps) { b.Taken, b.Renewals[0].Now = nil, 560*s }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			all := goodSteps()
			f.spoil(&all[0], &all[1])
			r := CheckSteps(all, bound, nil)
			if f.want == "" {
				if r.Err() != nil {
					t.Error(r.Err())
				}
			} else if len(r.Counts) != 1 || r.Counts[f.want] != 1 || !errors.Is(r.Err(), ErrViolated) {
				t.Errorf("found %v, want one %q", r.Counts, f.want)
			}
		})
	}
}

func TestStepsOfALapse(t *testing.T) {
	all := goodSteps()
	all[1].Taken = nil
	if err := CheckSteps(all, bound, []Span{{21 * s, 21 * s}}).Err(); err != nil {
		t.Error(err)
	}
	if CheckSteps(all, bound, []Span{{23 * s, 60 * s}, {1 * s, 19 * s}}).Err() == nil {
		t.Error("excused by a lapse before or after")
	}
}

func TestReadSteps(t *testing.T) {
	var file bytes.Buffer
	record := func(words ...uint64) {
		for i := range stepWords {
			var w uint64
			if i < len(words) {
				w = words[i]
			}
			_ = binary.Write(&file, binary.LittleEndian, w)
		}
	}
	record(3, 1, 7, 10, 99, uint64(600*s), uint64(20*s))
	record(2, 2, 5, uint64(620*s))
	record(4, 3, 7, 12, uint64(21*s), uint64(22*s))
	record(1|1<<8, 4, 5, uint64(21*s), 0, uint64(26*s), uint64(23*s), 6, 7, 8)
	whole := file.Len()
	record(1, 9, 9) // a process killed while it wrote
	got, err := ReadSteps("edge-1", bytes.NewReader(file.Bytes()[:whole+20]))
	if err != nil {
		t.Fatal(err)
	}
	want := goodSteps()[0]
	if got.Decisions[0] != want.Decisions[0] || got.Kept[0] != want.Kept[0] || got.Taken[0] != want.Taken[0] || got.Renewals[0] != want.Renewals[0] {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, err := ReadSteps("edge-1", strings.NewReader(strings.Repeat("?", stepSize))); !errors.Is(err, ErrBadHistory) {
		t.Errorf("of no known kind: %v", err)
	}
}
