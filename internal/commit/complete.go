package commit

import (
	"context"
	"errors"
	"time"

	"github.com/curfew-auth/curfew/internal/crash"
	"github.com/curfew-auth/curfew/internal/events"
)

// Complete publishes revocations that the store filed in one step with
// something else, such as a login that ended older sessions. It takes at most
// as long as the log may take for one. What it cannot complete is pending,
// and left to the [Relay]. It is carried through even if ctx ends.
func (c *Committer) Complete(ctx context.Context, filed []events.Revocation) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logTimeout)
	defer cancel()
	for n, r := range filed {
		start := time.Now()
		c.Saw(r.Stamp)
		crash.Here("complete-before-log")
		_, _, err, logErr := c.inBoth(ctx, r, nil)
		err = errors.Join(err, logErr)
		c.metrics.observe(r.Scope, statusOf(nil, err), start)
		if err != nil {
			c.slog.WarnContext(ctx, "revocations pending", "count", len(filed)-n, "revocation_id", r.ID, "error", err)
			return
		}
	}
}
