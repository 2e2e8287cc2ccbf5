package guard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/curfew-auth/curfew/internal/cache"
	"github.com/curfew-auth/curfew/internal/redisstore"
)

// ask decides by the store about a token that the copy does not know.
func (g *Guard) ask(ctx context.Context, v *verified) (Identity, error) {
	verdict, err := g.fallback.ask(ctx, v.question())
	switch {
	case verdict.Revoked:
		g.metrics.revokedByStore.Inc()
		g.keep(v, cache.Revoked)
		return Identity{}, ErrRevoked
	case verdict.Outdated:
		g.metrics.outdatedByStore.Inc()
		g.keep(v, cache.Outdated)
		return Identity{}, ErrRefreshRequired
	case err == nil && verdict.Vouched && !g.copy.Doubtful():
		g.metrics.allowedByStore.Inc()
		return v.identity, nil
	}
	return g.undecided(v, g.config.FailOpen, whyUnknown(verdict, err))
}

// undecided answers what cannot be known.
func (g *Guard) undecided(v *verified, open bool, why error) (Identity, error) {
	if open {
		g.metrics.allowedUnknown.Inc()
		g.failingOpen(why)
		return v.identity, nil
	}
	g.metrics.unknown.Inc()
	return Identity{}, fmt.Errorf("%w: %w", ErrUnknown, why)
}

func whyUnknown(verdict redisstore.Verdict, err error) error {
	switch {
	case err != nil:
		return err
	case verdict.Vouched:
		return errors.New("the log holds an entry that this version cannot read")
	}
	return errors.New("the store cannot vouch for itself")
}

// failingOpen complains, at most once a second.
func (g *Guard) failingOpen(err error) {
	now := int64(g.copy.Now())
	last := g.complained.Load()
	if now-last >= int64(time.Second) && g.complained.CompareAndSwap(last, now) {
		g.config.Log.Error("letting requests pass whose revocation is unknown (fail_mode allow)", "error", err)
	}
}
