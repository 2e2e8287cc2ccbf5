package history

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// maxShown bounds the violations that String prints.
const maxShown = 20

// String is the report as Markdown, for the terminal and the documentation.
func (r Report) String() string {
	var b strings.Builder
	r.summary(&b)
	r.availability(&b)
	r.promise(&b)
	r.propagation(&b)
	r.findings(&b)
	return b.String()
}

func (r Report) summary(b *strings.Builder) {
	fmt.Fprintf(b, "%d operations: %d logins, %d refreshes, %d calls; revocations: %d committed, %d pending, %d failed, %d lost.\n",
		r.Ops, r.Logins, r.Refreshes, r.Calls,
		r.Revokes[Committed], r.Revokes[Pending], r.Revokes[Failed], r.Revokes[Lost])
	fmt.Fprintf(b, "Bound %v, slack %v. Accepted after a refusal within the rules: %d.\n\n", r.Bound, r.Slack, r.Reaccepted)
	head(b, "rule broken", "times")
	for _, k := range kinds() {
		cells(b, k, r.Counts[k])
	}
}

func (r Report) availability(b *strings.Builder) {
	b.WriteByte('\n')
	head(b, "fault", "edge", "calls", "200", "401 revoked", "401/403 other", "503", "error",
		"answered", "good tokens accepted", "false refusals")
	for _, w := range r.Rows {
		n := w.Outcomes
		cells(b, w.Fault, w.Edge, w.Calls, n[Accepted], n[Refused], n[Denied], n[Unknown], n[Other],
			percent(w.Availability()), percent(w.GoodShare()), w.FalseRefusals)
	}
}

func (r Report) promise(b *strings.Builder) {
	b.WriteByte('\n')
	head(b, "fault between 200 and call", "calls past the bound", "accepted after the 200", "the latest after")
	for _, w := range r.Rows {
		if w.Edge == All {
			cells(b, w.Fault, w.Probes, w.Stale, short(w.Latest))
		}
	}
}

func (r Report) propagation(b *strings.Builder) {
	b.WriteByte('\n')
	head(b, "first refusal after the 200, healthy", "revocations", "p50", "p99", "max")
	for _, p := range r.Propagation {
		cells(b, p.Edge, p.Count, short(p.P50), short(p.P99), short(p.Max))
	}
}

func (r Report) findings(b *strings.Builder) {
	if len(r.Violations) == 0 {
		return
	}
	shown := min(len(r.Violations), maxShown)
	fmt.Fprintf(b, "\nViolations (%d shown):\n\n", shown)
	for _, v := range r.Violations[:shown] {
		fmt.Fprintf(b, "- %v\n", v)
	}
}

func head(b *strings.Builder, names ...any) {
	cells(b, names...)
	b.WriteString(strings.Repeat("|---", len(names)) + "|\n")
}

func cells(b *strings.Builder, values ...any) {
	for _, v := range values {
		fmt.Fprintf(b, "| %v ", v)
	}
	b.WriteString("|\n")
}

// percent rounds down, so that 100% means all. The added ten-thousandth of a basis point
// makes up for what the division lost.
func percent(share float64) string {
	if math.IsNaN(share) {
		return "-"
	}
	return fmt.Sprintf("%.2f%%", math.Floor(share*10000+1e-4)/100)
}

func short(d time.Duration) string { return d.Round(10 * time.Microsecond).String() }
