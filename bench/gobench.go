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

// goBench runs the Go benchmarks of a package, in the module at dir, and
// returns the results by name, as BenchmarkCheck/1M-2.
func goBench(ctx context.Context, dir, pkg, pattern string, count int) (map[string]result, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run=^$", "-bench="+pattern, "-benchmem", "-cpu=1,2",
		"-benchtime=300ms", "-timeout=30m", "-count="+strconv.Itoa(count), pkg)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go test %s: %w\n%s", pkg, err, out)
	}
	return parseBench(out), nil
}

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
