package history

import (
	"slices"
	"time"
)

// Once an edge has refused a token because it was revoked, it must not accept it
// any more, and no other edge may later than B after that: whatever the caller
// of the revocation was told, a user who saw that a token is over may rely on it.

// refusedBefore lists the refusals that had ended before the call began.
func (t *token) refusedBefore(op *Call) []*Call {
	n, _ := slices.BinarySearchFunc(t.refusals, op.Start, func(r *Call, start time.Duration) int {
		if r.End < start {
			return -1
		}
		return 1
	})
	return t.refusals[:n]
}

// contradicted finds the latest of the refusals that excludes an acceptance, and
// the rule that says so.
func (c *checker) contradicted(op *Call, refusals []*Call) (Kind, *Call) {
	for _, r := range slices.Backward(refusals) {
		between := Span{r.Start, op.End}
		switch {
		case r.Edge == op.Edge && !c.lapsed(op.Edge, between):
			return AcceptedAgain, r
		case op.Start-r.End > c.limitOf(op) && !c.lapsed("", between):
			return Revived, r
		}
	}
	return "", nil
}

// lapsed reports whether a refusal may have been forgotten in the span, by the
// edge, or, if that is empty, by all.
func (c *checker) lapsed(edge string, s Span) bool {
	return slices.ContainsFunc(c.history.Lapses, func(l Lapse) bool { return l.Edge == edge && l.overlaps(s) })
}

// limitOf is how long after a 200 a call at its edge may be accepted: the edge
// may have gone by a smaller bound of its own, all the time.
func (c *checker) limitOf(op *Call) time.Duration {
	limit := c.limit
	for _, l := range c.history.Limits {
		if l.Edge == op.Edge && l.Start <= op.Start && op.End <= l.End {
			limit = min(limit, l.Bound+c.report.Slack)
		}
	}
	return limit
}
