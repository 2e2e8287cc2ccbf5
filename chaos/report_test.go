//go:build unix

package chaos

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/chaos/history"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// leastProbes is how many calls on revoked tokens, later than B, each fault
// must have been shown with: without them nothing was tested.
const leastProbes = 20

// finish judges the run as a whole. If file is not empty, the report goes there.
func (r *run) finish(t *testing.T, file string) {
	report := history.Check(r.rec.History(), staleness, 0)
	text := r.table() + "\n" + report.String()
	t.Log("\n" + text)
	if err := report.Err(); err != nil {
		t.Errorf("%v\nhistory: %s", err, r.keep())
	}
	for _, res := range r.results {
		if res.row.Probes < leastProbes {
			t.Errorf("%s: only %d calls could have shown a late acceptance", res.name, res.row.Probes)
		}
	}
	r.checkSteps(t)
	if file != "" {
		testenv.Must(t, os.WriteFile(file, []byte(text), 0o644))
	}
}

// table has a line for each fault.
func (r *run) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Each fault lasted %v; B is %v. Shares are of all calls from before the fault until the recovery.\n\n", r.lasting, staleness)
	b.WriteString("| fault | calls | past the bound | accepted after the 200, latest | answered | good tokens accepted | fresh after | whole after |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|\n")
	for _, res := range r.results {
		fmt.Fprintf(&b, "| %s | %d | %d | %v | %.2f%% | %.2f%% | %v | %v |\n", res.name, res.row.Calls, res.row.Probes,
			res.row.Latest.Round(time.Millisecond), 100*res.row.Availability(), 100*res.row.GoodShare(),
			res.fresh.Round(time.Millisecond), res.whole.Round(time.Millisecond))
	}
	return b.String()
}
