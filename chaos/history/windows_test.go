package history

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The index agrees with looking at every window.
func TestWindowsAgainstEveryWindow(t *testing.T) {
	seed := firstSeed(t)
	rng := rand.New(rand.NewPCG(seed, 2))
	for range histories {
		var faults []Fault
		for range rng.IntN(8) {
			start := time.Duration(rng.IntN(20))
			faults = append(faults, Fault{span(start, start+time.Duration(rng.IntN(6))), fmt.Sprint(rng.IntN(4))})
		}
		start := time.Duration(rng.IntN(20))
		at := span(start, start+time.Duration(rng.IntN(6)))
		want := []string{}
		for _, f := range faults {
			if f.Start <= at.End && f.End >= at.Start {
				want = append(want, f.Name)
			}
		}
		if len(want) == 0 {
			want = append(want, Healthy)
		}
		slices.Sort(want)
		want = append([]string{All}, slices.Compact(want)...)
		got := newWindows(faults).rows(nil, at)
		slices.Sort(got[1:])
		if !slices.Equal(got, want) {
			t.Fatalf("HISTORY_SEED=%d: %v in %v: got %v, want %v", seed, at, faults, got, want)
		}
	}
}
