package redisstore

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/session"
)

// A Store is one region's sessions and revocations.
type Store struct {
	rdb     redis.UniversalClient
	keys    keys
	scripts scripts
}

var _ session.Store = (*Store)(nil)

// New returns the store of a region on a server. It does not connect.
func New(rdb redis.UniversalClient, region string) *Store {
	return &Store{rdb: rdb, keys: newKeys(region), scripts: newScripts()}
}

// run performs a script whose answer is a flat list: a word that says how it
// went, then what it found.
func (s *Store) run(ctx context.Context, op string, script *redis.Script, keys []string, args ...any) ([]string, error) {
	answer, err := script.Run(ctx, s.rdb, keys, args...).StringSlice()
	if err != nil {
		return nil, unavailable(op, err)
	}
	if len(answer) == 0 {
		return nil, outcome(op, "")
	}
	return answer[1:], outcome(op, answer[0])
}
