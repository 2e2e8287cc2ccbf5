package redisstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/events"
)

// Outbox returns up to limit revocations that may not be on the log yet, in
// no order. An entry that this version cannot read, perhaps a newer one's,
// stays where it is; the others are returned together with an error that
// wraps events.ErrBadRevocation.
func (s *Store) Outbox(ctx context.Context, limit int) ([]events.Revocation, error) {
	var out []events.Revocation
	var unread error
	for cursor := uint64(0); ; {
		pairs, next, err := s.rdb.HScan(ctx, s.keys.outbox(), cursor, "", pageSize).Result()
		if err != nil {
			return out, unavailable("read outbox", err)
		}
		for i := 1; i < len(pairs) && len(out) < limit; i += 2 {
			if r, err := decodeEntry(pairs[i]); err != nil {
				unread = err
			} else {
				out = append(out, r)
			}
		}
		if cursor = next; cursor == 0 || len(out) >= limit {
			return out, unread
		}
	}
}

// Settle takes revocations that are on the log out of the outbox, by their
// filings, and returns how many of them were there. Repeating it is harmless.
func (s *Store) Settle(ctx context.Context, rs ...events.Revocation) (int, error) {
	if len(rs) == 0 {
		return 0, nil
	}
	var fields []string
	for _, r := range rs {
		fields = append(fields, r.Filing(), r.ID) // earlier versions filed by the id alone
	}
	n, err := s.rdb.HDel(ctx, s.keys.outbox(), fields...).Result()
	if err != nil {
		return 0, unavailable("settle outbox", err)
	}
	return int(n), nil
}

// Live yields every revocation that was held and unexpired when it began and
// still is, at least once; some may come twice. Each keeps its full
// TTL, because who takes it over may keep it too long but not too short.
// After an error that wraps events.ErrBadRevocation it goes on with the next
// entry; any other error is the last.
func (s *Store) Live(ctx context.Context) iter.Seq2[events.Revocation, error] {
	return func(yield func(events.Revocation, error) bool) {
		for after := "-inf"; after != ""; {
			page, next, err := s.page(ctx, after)
			if err == nil {
				err = s.yieldPage(ctx, page, yield)
			}
			if errors.Is(err, errStopped) {
				return
			}
			if err != nil {
				yield(events.Revocation{}, err)
				return
			}
			after = next
		}
	}
}

var errStopped = errors.New("redisstore: the caller has had enough")

// page returns the next held keys by expiry, and the bound after which the
// following page starts, empty at the end. A page ends between two expiries:
// positions shift while old entries are trimmed, expiries only grow.
func (s *Store) page(ctx context.Context, after string) (keys []string, next string, err error) {
	found, err := s.rdb.ZRangeByScoreWithScores(ctx, s.keys.held(),
		&redis.ZRangeBy{Min: after, Max: "+inf", Count: pageSize}).Result()
	if err != nil {
		return nil, "", unavailable("list revocations", err)
	}
	if len(found) == 0 {
		return nil, "", nil
	}
	last := strconv.FormatFloat(found[len(found)-1].Score, 'f', -1, 64)
	ties, err := s.rdb.ZRangeByScore(ctx, s.keys.held(), &redis.ZRangeBy{Min: last, Max: last}).Result()
	if err != nil {
		return nil, "", unavailable("list revocations", err)
	}
	for _, z := range found {
		if z.Score < found[len(found)-1].Score {
			keys = append(keys, fmt.Sprint(z.Member))
		}
	}
	return append(keys, ties...), "(" + last, nil
}

func (s *Store) yieldPage(ctx context.Context, members []string, yield func(events.Revocation, error) bool) error {
	if len(members) == 0 {
		return nil
	}
	keys := make([]string, len(members))
	for i, m := range members {
		keys[i] = s.keys.revocation(m)
	}
	values, err := s.rdb.MGet(ctx, keys...).Result()
	if err != nil {
		return unavailable("read revocations", err)
	}
	for _, v := range values {
		entry, ok := v.(string)
		if !ok { // expired meanwhile
			continue
		}
		if r, err := decodeEntry(entry); !yield(r, err) {
			return errStopped
		}
	}
	return nil
}
