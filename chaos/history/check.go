package history

import "time"

// maxKept bounds the violations of each kind that a report holds; all are counted.
const maxKept = 100

// Check judges a history against the staleness bound b. An acceptance is late
// when its call started more than b + slack after the 200. Since all times come
// from one monotonic clock and doubt already excuses the cluster, slack is 0
// unless the edges' own clocks are known to drift from that one.
func Check(h History, b, slack time.Duration) Report {
	c := &checker{
		history: &h,
		limit:   b + slack,
		index:   newIndex(&h),
		tally:   tally{windows: newWindows(h.Faults), rows: make(map[at]*Row)},
		watch:   make(stopwatch),
		report:  Report{Bound: b, Slack: slack, Ops: h.Len(), Counts: make(map[Kind]int)},
	}
	c.validate()
	for i := range h.Calls {
		c.call(&h.Calls[i])
	}
	for i := range h.Refreshes {
		c.refresh(&h.Refreshes[i])
	}
	c.measure()
	return c.report
}

type checker struct {
	history *History
	limit   time.Duration
	index   *index
	tally   tally
	watch   stopwatch
	report  Report
}

func (c *checker) call(op *Call) {
	t := c.index.tokens[op.JTI]
	good := t.live(op.End)
	c.tally.count(op, good)
	if t.ended != nil && op.Start > t.ended.End {
		c.tally.after(t.ended, op, op.Start-t.ended.End > c.limitOf(op))
	}
	switch op.Outcome {
	case Accepted:
		c.accepted(op, t)
	case Refused:
		c.watch.refused(op, t)
		if good {
			c.found(Violation{Kind: FalseRefusal, Call: op, Revoke: t.first})
		}
	}
}

// accepted looks for a revocation that the acceptance came too late after, else
// for a refusal that it contradicts.
func (c *checker) accepted(op *Call, t *token) {
	if t.sure != nil && op.Start > t.sure.End {
		c.found(Violation{Kind: AfterConfirmed, Call: op, Revoke: t.sure, After: op.Start - t.sure.End})
	}
	v := Violation{Call: op, Revoke: t.ended}
	if t.ended != nil && op.Start > t.ended.End {
		v.After = op.Start - t.ended.End
	}
	before := t.refusedBefore(op)
	switch late := v.After > c.limitOf(op); {
	case late && len(before) > 0:
		v.Kind, v.Refusal = Forgotten, before[0]
	case late:
		v.Kind = LateAcceptance
	case len(before) > 0:
		if v.Kind, v.Refusal = c.contradicted(op, before); v.Kind == "" {
			c.report.Reaccepted++
		}
	}
	if v.Kind != "" {
		c.found(v)
	}
}

// refresh applies a rule without B: sessions live in the store, where a
// transition is atomic.
func (c *checker) refresh(g *Grant) {
	end := c.index.session(g.SID).ended
	if g.OK && end != nil && g.Start > end.End {
		c.found(Violation{Kind: RefreshAfterEnd, Refresh: g, Revoke: end, After: g.Start - end.End})
	}
}

func (c *checker) found(v Violation) {
	c.report.Counts[v.Kind]++
	if c.report.Counts[v.Kind] <= maxKept {
		c.report.Violations = append(c.report.Violations, v)
	}
}

func (c *checker) measure() {
	h := c.history
	c.report.Logins, c.report.Refreshes = len(h.Logins), len(h.Refreshes)
	c.report.Calls = len(h.Calls)
	c.report.Revokes = make(map[RevokeOutcome]int)
	for i := range h.Revokes {
		c.report.Revokes[h.Revokes[i].Outcome]++
	}
	c.report.Rows = c.tally.sorted()
	c.report.Propagation = c.watch.propagations(c.tally.windows)
}
