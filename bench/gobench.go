package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// A result is one benchmark: medians over its rounds.
type result struct {
	ns     float64 // per operation
	allocs float64
}

// A goBench is a compiled test binary, and what its benchmarks have printed.
type goBench struct {
	binary, pattern string
	out             bytes.Buffer
}

// newGoBench compiles the tests of a package, in the module at dir, to a file.
func newGoBench(ctx context.Context, dir, pkg, pattern, file string) (*goBench, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-o", file, pkg)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go test -c %s: %w\n%s", pkg, err, out)
	}
	return &goBench{binary: file, pattern: pattern}, nil
}

// run runs the benchmarks once, on one processor and on two.
func (g *goBench) run(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, g.binary, "-test.run=^$", "-test.bench="+g.pattern, "-test.benchmem", "-test.cpu=1,2",
		"-test.benchtime=300ms", "-test.timeout=10m")
	cmd.Stdout, cmd.Stderr = &g.out, os.Stderr
	return cmd.Run()
}

// results are medians, by name, as BenchmarkCheck/warm/1M-2.
func (g *goBench) results() map[string]result { return parseBench(g.out.Bytes()) }

func parseBench(out []byte) map[string]result {
	ns, allocs := map[string][]float64{}, map[string][]float64{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		for i := 2; i+1 < len(f); i += 2 {
			v, err := strconv.ParseFloat(f[i], 64)
			switch {
			case err != nil:
			case f[i+1] == "ns/op":
				ns[f[0]] = append(ns[f[0]], v)
			case f[i+1] == "allocs/op":
				allocs[f[0]] = append(allocs[f[0]], v)
			}
		}
	}
	results := map[string]result{}
	for name := range ns {
		results[name] = result{ns: median(ns[name]), allocs: median(allocs[name])}
	}
	return results
}
