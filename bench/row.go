package main

import (
	"cmp"
	"fmt"
	"slices"
)

// A row is one line of the table.
type row struct {
	what, ours, peer, ratio, bar string
	met                          verdict
}

type verdict int

const (
	shown verdict = iota // there is no bar
	met
	missed
)

func (v verdict) String() string { return [...]string{"", "met", "**missed**"}[v] }

// judge says whether a bar is met.
func judge(good bool) verdict {
	if good {
		return met
	}
	return missed
}

func (r row) String() string {
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |", r.what, r.ours, r.peer, r.ratio, r.bar, r.met)
}

func (b *bench) add(r row) { b.rows = append(b.rows, r) }

// median of an odd number of values, or the upper of the two in the middle.
func median[T cmp.Ordered](values []T) T { return quantile(values, 0.5) }

// quantile returns the value below which the share q of the values lies.
func quantile[T cmp.Ordered](values []T, q float64) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
