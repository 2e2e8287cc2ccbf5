// Command bench measures Curfew beside what its users could take instead, in
// one run on one machine, and prints one table. Only the ratios mean anything:
// everything that is compared is measured in turns, minutes apart at most.
//
// It is a module of its own, so that none of the peers weighs on Curfew's.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// A part measures something and adds its rows.
type part struct {
	name string
	run  func(context.Context, *bench) error
}

var parts = []part{
	{"check", measureCheck},
	{"http", measureHTTP},
	{"start", measureStart},
	{"reach", measureReach},
}

// A bench is one run.
type bench struct {
	count       int           // rounds of everything; medians are taken over them
	load        time.Duration // of one round of HTTP load
	revocations int           // in the log for an edge's start
	only        string

	command    string // that started the run
	loadBefore string
	rows       []row
}

func main() {
	b := &bench{command: strings.Join(append([]string{"cd bench && go run ."}, os.Args[1:]...), " "), loadBefore: load()}
	flag.IntVar(&b.count, "count", 5, "rounds, of which medians are taken")
	flag.DurationVar(&b.load, "load", time.Second, "one round of HTTP load")
	flag.IntVar(&b.revocations, "revocations", 1_000_000, "live revocations in the log that an edge starts with")
	flag.StringVar(&b.only, "only", "", "the part to run: check, http, start or reach; all when empty")
	write := flag.String("write", "", "Markdown `file` whose table is to be replaced")
	flag.Parse()
	if err := b.run(context.Background(), *write); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(ctx context.Context, file string) error {
	for _, p := range parts {
		if b.only != "" && b.only != p.name {
			continue
		}
		fmt.Fprintln(os.Stderr, "bench:", p.name)
		if err := p.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	var table strings.Builder
	b.table(&table)
	fmt.Print(table.String())
	if file == "" {
		return nil
	}
	return replace(file, table.String())
}

const (
	begin = "<!-- table: written by make bench -->\n"
	end   = "<!-- end of table -->"
)

// replace puts the table between the two marks of a file.
func replace(file, table string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("%s has no place for the table", file)
	}
	return os.WriteFile(file, []byte(before+begin+table+end+after), 0o644)
}

func (b *bench) table(w io.Writer) {
	fmt.Fprintf(w, "\n`%s`, %s, %s, %s, load average before %s, after %s.\n\n", b.command, time.Now().UTC().Format(time.DateOnly),
		runtime.Version(), machine(), b.loadBefore, load())
	fmt.Fprintln(w, "| what | Curfew | peer | ratio | bar | |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|")
	for _, r := range b.rows {
		fmt.Fprintln(w, r)
	}
	fmt.Fprintf(w, "\n%s\n\n", b.summary())
}

// summary says which bars were not met.
func (b *bench) summary() string {
	var bars int
	var failed []string
	for _, r := range b.rows {
		if r.met != shown {
			bars++
		}
		if r.met == missed {
			failed = append(failed, fmt.Sprintf("%s (bar: %s; measured: %s, ratio %s)", r.what, r.bar, r.ours, cmp.Or(r.ratio, "none")))
		}
	}
	if len(failed) == 0 {
		return fmt.Sprintf("All %d bars were met.", bars)
	}
	return fmt.Sprintf("%d of %d bars were not met: %s.", len(failed), bars, strings.Join(failed, "; "))
}

// machine describes the processors and the memory.
func machine() string {
	cpu := field("/proc/cpuinfo", "model name")
	kib, err := strconv.Atoi(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"))
	if err != nil {
		return fmt.Sprintf("%d processors (%s)", runtime.NumCPU(), runtime.GOARCH)
	}
	return fmt.Sprintf("%d processors (%s, %s), %d GB of memory", runtime.NumCPU(), cpu, runtime.GOARCH, kib>>20)
}

// field returns the first value of a name in a file of the form "name: value".
func field(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(text), " ")
	return one
}
