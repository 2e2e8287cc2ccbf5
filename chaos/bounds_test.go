//go:build unix

package chaos

import (
	"context"
	"errors"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

// An edge's bound may differ from the issuers': they are two settings. The promise
// holds by the smaller.
const (
	largerBound  = 3 * staleness
	smallerBound = staleness / 2 // the least that is allowed
)

// otherBounds starts two edges with bounds of their own, and cuts both from the
// log, so that their bounds matter.
func otherBounds(ctx context.Context, r *run) error {
	err := errors.Join(goBy(ctx, first(r), largerBound), goBy(ctx, second(r), smallerBound))
	r.undo = append(r.undo, r.rec.Limit(second(r).spec.Name, smallerBound))
	return errors.Join(err, cut(first(r).nats...), cut(second(r).nats...))
}

func goBy(ctx context.Context, n *node, bound time.Duration) error {
	err := n.replace(func(s *proc.Spec) { s.Env = append(s.Env, "CURFEW_STALENESS="+bound.String()) })
	return errors.Join(err, n.awaitReady(ctx))
}

func ownBounds(ctx context.Context, r *run) error {
	r.ended()
	err := errors.Join(slow(0, first(r).nats...), slow(0, second(r).nats...))
	return errors.Join(err, first(r).restart(ctx), second(r).restart(ctx))
}
