//go:build unix

package chaos

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/curfew-auth/curfew/chaos/history"
	"github.com/curfew-auth/curfew/internal/cache"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// traceDir is the environment variable that an edge built with the tag curfewtrace
// reads.
const traceDir = "CHAOS_TRACE"

// checkSteps judges the steps of every edge process that there was, except those
// whose wall clock was wrong: these are built in another way.
func (r *run) checkSteps(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(r.traces, "steps-*"))
	testenv.Must(t, err)
	var all []history.Steps
	for _, name := range files {
		all = append(all, readSteps(t, name))
	}
	report := history.CheckSteps(all, staleness, r.lapsesOnBoottime())
	t.Logf("steps of %d edge processes: %d decisions, %d of them clear, %d renewals, %d revocations taken",
		report.Processes, report.Decisions, report.Clear, report.Renewals, report.Taken)
	if report.Clear == 0 || report.Renewals == 0 || report.Taken == 0 {
		t.Error("the traces show nothing")
	}
	if err := report.Err(); err != nil {
		t.Error(err)
		for _, f := range report.Findings {
			t.Log(f)
		}
	}
}

func readSteps(t *testing.T, name string) history.Steps {
	file, err := os.Open(name)
	testenv.Must(t, err)
	defer file.Close()
	steps, err := history.ReadSteps(filepath.Base(name), file)
	testenv.Must(t, err)
	return steps
}

// lapsesOnBoottime are the lapses of all, by the clock of the traces.
func (r *run) lapsesOnBoottime() (spans []history.Span) {
	start := cache.Boottime()() - r.rec.Now()
	for _, l := range r.rec.History().Lapses {
		if l.Edge == "" {
			spans = append(spans, history.Span{Start: start + l.Start, End: start + l.End})
		}
	}
	return spans
}
