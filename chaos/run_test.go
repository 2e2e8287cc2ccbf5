//go:build unix

package chaos

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/chaos/history"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// A run breaks one cluster, one fault after another, under one workload.
type run struct {
	*cluster
	*workload
	lasting time.Duration    // of each fault
	flood   int              // revocations of a flood
	strict  bool             // also check what is promised about availability
	shifted *testenv.Shifted // binaries with wrong clocks
	queued  *queued          // at an edge that is stopped
	pending []*token         // ended while NATS was away
	undo    []func()         // ends what goes on in the background while something is broken
	old     []*session       // ended after the image of the store that was restored
	foreign foreign          // what was seen in another region
	evicted []uint64         // ids by each edge, in the flood
	lost    int              // revocations that a failover lost
	found   int              // violations so far
	results []result
	lame    bool // the cluster did not recover: what came later would prove nothing
}

// A result is what became of one fault.
type result struct {
	name                string
	broken, ended, over time.Duration // on the recorder's clock; ended is before healing
	fresh, whole        time.Duration // after healing
	row                 history.Row
}

func newRun(t testing.TB, lasting time.Duration) *run {
	c := startCluster(t)
	r := &run{cluster: c, lasting: lasting}
	r.shifted = testenv.BuildShifted(t)
	r.workload = startWorkload(t, c)
	r.ageLog(t)
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	testenv.Must(t, r.fill(ctx))
	_, _, err := r.recover(ctx)
	testenv.Must(t, err)
	return r
}

// these lets faults happen, one after another.
func (r *run) these(t *testing.T, faults []fault) {
	t.Run("nothing", r.calm)
	for _, f := range faults {
		if t.Run(f.name, func(t *testing.T) { r.one(t, f) }); r.lame {
			return
		}
	}
}

// one lets one fault happen.
func (r *run) one(t *testing.T, f fault) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*r.lasting+10*recoveryLimit)
	defer cancel()
	res := result{name: f.name}
	end := r.rec.Fault(f.name)
	defer end()
	err := r.hold(ctx, f, &res)
	if err == nil {
		res.fresh, res.whole, err = r.recover(ctx)
	}
	end()
	res.over = r.rec.Now()
	r.judge(t, f, res)
	if err != nil {
		r.lame = true
		t.Fatalf("%s: %v", f.name, err)
	}
	t.Logf("%s: fresh %v, whole %v after healing", f.name, res.fresh.Round(time.Millisecond), res.whole.Round(time.Millisecond))
}

// calm lets nothing happen for as long as a fault would last, to have
// something to compare with.
func (r *run) calm(t *testing.T) {
	pause(t.Context(), r.lasting)
}

// hold breaks, waits and repairs.
func (r *run) hold(ctx context.Context, f fault, res *result) error {
	if err := r.inject(ctx, f); err != nil {
		return fmt.Errorf("inject: %w", err)
	}
	res.broken = r.rec.Now()
	lasts := time.Now().Add(r.lasts(f))
	if f.while != nil {
		if err := f.while(ctx, r); err != nil {
			return fmt.Errorf("while broken: %w", err)
		}
	}
	pause(ctx, time.Until(lasts))
	res.ended = r.rec.Now()
	if err := f.heal(ctx, r); err != nil {
		return fmt.Errorf("heal: %w", err)
	}
	return nil
}

// inject breaks. What only the log or only the store held may be lost with it.
func (r *run) inject(ctx context.Context, f fault) error {
	if f.loses {
		defer r.rec.Lapse("", f.name)()
	}
	return f.inject(ctx, r)
}

// lasts is how long a fault is to last. The short run has little time for all.
func (r *run) lasts(f fault) time.Duration {
	if f.recent && !r.strict {
		return r.lasting * 3 / 4
	}
	return r.lasting
}
