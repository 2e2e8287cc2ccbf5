package redisstore

import (
	"context"
	_ "embed"

	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/session"
)

//go:embed lua/count.lua
var countSource string

// Refreshes counts refreshes, one key per session that expires with the
// window. It needs no vouch: what a lost store forgets is only a count.
type Refreshes struct {
	rdb   redis.UniversalClient
	keys  keys
	count *redis.Script
}

var _ session.Refreshes = (*Refreshes)(nil)

// NewRefreshes returns the counts of a region. It does not connect.
func NewRefreshes(rdb redis.UniversalClient, region string) *Refreshes {
	return &Refreshes{rdb: rdb, keys: newKeys(region), count: redis.NewScript(countSource)}
}

// Count implements session.Refreshes.
func (r *Refreshes) Count(ctx context.Context, sessionID string, a session.RefreshAlarm) (bool, error) {
	n, err := r.count.Run(ctx, r.rdb, []string{r.keys.prefix + "refreshed:" + sessionID}, a.Window.Milliseconds()).Int()
	if err != nil {
		return false, unavailable("count refresh", err)
	}
	return n == a.Count, nil
}
