package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/events"
)

// A Mark is a place in the list of held revocations. The zero Mark is its top.
type Mark struct {
	Expiry int64 // by the store's clock, in Unix milliseconds
	Key    string
}

// A Held is a revocation that the store holds.
type Held struct {
	events.Revocation
	Mark
	// Readable is false for an entry of a version that this one does not
	// know; then there is only the Mark.
	Readable bool
}

// Expires is when the store drops it.
func (h Held) Expires() time.Time { return time.UnixMilli(h.Expiry).UTC() }

// Newest lists up to limit held revocations after the mark, those that expire
// last first, and the mark to go on from; ended is true after the last. What
// expires meanwhile is passed over.
func (s *Store) Newest(ctx context.Context, after Mark, limit int) (page []Held, next Mark, ended bool, err error) {
	marks, err := s.marks(ctx, after, limit)
	if err != nil || len(marks) == 0 {
		return nil, after, err == nil, err
	}
	keys := make([]string, len(marks))
	for i, m := range marks {
		keys[i] = s.keys.revocation(m.Key)
	}
	values, err := s.rdb.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, after, false, unavailable("read revocations", err)
	}
	for i, v := range values {
		if entry, ok := v.(string); ok {
			r, err := decodeEntry(entry)
			page = append(page, Held{Revocation: r, Mark: marks[i], Readable: err == nil})
		}
	}
	return page, marks[len(marks)-1], len(marks) < limit, nil
}

// marks lists the places after one. Those of equal expiry come in descending
// order of their keys, so that a place is found again whatever has gone.
func (s *Store) marks(ctx context.Context, after Mark, limit int) (out []Mark, err error) {
	from := "+inf"
	if after != (Mark{}) {
		from = strconv.FormatInt(after.Expiry, 10)
	}
	for offset := int64(0); len(out) < limit; offset += pageSize {
		found, err := s.rdb.ZRevRangeByScoreWithScores(ctx, s.keys.held(),
			&redis.ZRangeBy{Max: from, Min: "-inf", Offset: offset, Count: pageSize}).Result()
		if err != nil {
			return nil, unavailable("list revocations", err)
		}
		for _, z := range found {
			m := Mark{int64(z.Score), fmt.Sprint(z.Member)}
			if m.Expiry == after.Expiry && m.Key >= after.Key && after.Key != "" {
				continue
			}
			if out = append(out, m); len(out) == limit {
				break
			}
		}
		if len(found) < pageSize {
			break
		}
	}
	return out, nil
}
