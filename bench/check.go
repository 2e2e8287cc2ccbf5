package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// measureCheck measures guard.Check itself. The benchmarks are the packages'
// own: they need the inside.
func measureCheck(ctx context.Context, b *bench) error {
	dir, err := os.MkdirTemp("", "curfew-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	guards, err := newGoBench(ctx, "..", "./guard", "^BenchmarkCheck$", filepath.Join(dir, "guard"))
	if err != nil {
		return err
	}
	verifiers, err := newGoBench(ctx, ".", ".", "^BenchmarkPeer$", filepath.Join(dir, "peer"))
	if err != nil {
		return err
	}
	for range b.count {
		if err := errors.Join(guards.run(ctx), verifiers.run(ctx)); err != nil {
			return err
		}
	}
	ours, peers := guards.results(), verifiers.results()
	// -cpu=1 leaves no suffix.
	one, two := ours["BenchmarkCheck/warm/1M"], ours["BenchmarkCheck/warm/1M-2"]
	b.add(row{"`Check`, warm, Ed25519, 1M live revocations", span(one.ns) + fmt.Sprintf(", %.0f allocs", one.allocs), "", "",
		"500 ns, 0 allocs", judge(one.ns <= 500 && one.allocs == 0)})
	b.add(row{"the same on two processors at once, checks per second", rate(two.ns), rate(one.ns) + " on one",
		fmt.Sprintf("%.2f", one.ns/two.ns), "scales", judge(one.ns/two.ns >= 1.5)})
	small, large := ours["BenchmarkCheck/warm/1k"], ours["BenchmarkCheck/warm/10M"]
	b.add(row{"`Check`, warm, 10M live revocations against 1k", span(large.ns), span(small.ns) + " with 1k",
		fmt.Sprintf("%.2f", large.ns/small.ns), "2 or less", judge(large.ns <= 2*small.ns)})
	store := peers["BenchmarkPeer/verify-exists"]
	b.add(row{"`Check`, warm, against golang-jwt verify + Redis EXISTS", span(one.ns), span(store.ns),
		fmt.Sprintf("%.0f times", store.ns/one.ns), "100 times", judge(store.ns >= 100*one.ns)})
	cold, verify := ours["BenchmarkCheck/cold"], peers["BenchmarkPeer/verify"]
	b.add(row{"cold token (first sight) against golang-jwt's verify", span(cold.ns), span(verify.ns),
		fmt.Sprintf("%.2f", cold.ns/verify.ns), "1.10 or less", judge(cold.ns <= 1.1*verify.ns)})
	return nil
}

func span(ns float64) string {
	switch {
	case ns < 1e3:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.1f µs", ns/1e3)
	}
	return fmt.Sprintf("%.2f ms", ns/1e6)
}

func rate(ns float64) string { return fmt.Sprintf("%.1f M", 1e3/ns) }
