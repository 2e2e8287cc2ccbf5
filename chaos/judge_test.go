//go:build unix

package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/curfew-auth/curfew/chaos/history"
)

// lenient is the share of calls that is asked for where time is not.
const lenient = 0.7

// judge checks the whole history up to now.
func (r *run) judge(t *testing.T, f fault, res result) {
	report := history.Check(r.rec.History(), staleness, 0)
	res.row = report.Row(f.name, history.All)
	r.results = append(r.results, res)
	total := 0
	for _, n := range report.Counts {
		total += n
	}
	if total > r.found {
		t.Errorf("%d violations since %s\n%v\nhistory: %s", total-r.found, f.name, report, r.keep())
	}
	r.found = total
	t.Logf("%d calls, %d past the bound, answered %.2f%%, good tokens accepted %.2f%%, latest acceptance %v",
		res.row.Calls, res.row.Probes, 100*res.row.Availability(), 100*res.row.GoodShare(), res.row.Latest)
	r.checkShares(t, f, res)
	if f.after != nil {
		if err := f.after(r, res); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}

// checkShares compares with what is promised, or, on a machine that is busy
// with other tests, with what would show that something is plainly wrong.
func (r *run) checkShares(t *testing.T, f fault, res result) {
	check := func(what string, got, want float64) {
		if !r.strict {
			want = min(want, lenient)
		}
		if want > 0 && !(got >= want) {
			t.Errorf("%s: %.4f %s, want %.4f\nhistory: %s", f.name, got, what, want, r.keep())
		}
	}
	if limit := f.freshLimit(); r.strict && res.fresh > limit {
		t.Errorf("%s: every edge was fresh after %v, want %v", f.name, res.fresh, limit)
	}
	check("of all calls were answered", res.row.Availability(), f.answered)
	check("of the good tokens were accepted", res.row.GoodShare(), f.accepted)
}

// keep writes the history where it outlives the test.
func (r *run) keep() string {
	name := filepath.Join(os.TempDir(), fmt.Sprintf("curfew-chaos-%d.jsonl", os.Getpid()))
	file, err := os.Create(name)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	if err := history.Write(file, r.rec.History()); err != nil {
		return err.Error()
	}
	return name
}
