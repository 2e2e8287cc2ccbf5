package redisstore

import (
	"context"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/events"
)

const (
	// everywhere is the reach of a cutoff whose sessions no index names.
	everywhere = "*"
	// cutsMark is the member that shows that the cuts were not thrown away.
	cutsMark = "-"
)

// reachOf says where the sessions are that a cutoff ends: in the index of one
// user, or anywhere; empty if it ends none.
func reachOf(r events.Revocation) string {
	switch {
	case r.Mode != events.ModeEnd:
		return ""
	case r.Scope == events.ScopeUser:
		return indexName(r.Tenant, r.Subject)
	}
	return everywhere
}

// Reap removes the sessions that cutoffs have ended, and those of an image that
// was too old, and returns how many. It needs a vouch. They
// are refused and not listed before that already: a cutoff is forgotten only
// after a whole pass, on one server, over all the sessions it may have ended.
// Several may reap at once, and may be cut short anywhere.
func (s *Store) Reap(ctx context.Context) (removed int, err error) {
	answer, err := s.run(ctx, "reap", s.scripts.whoami, []string{s.keys.vouch()})
	if err != nil {
		return 0, err
	}
	if len(answer) < 2 {
		return 0, errMalformed
	}
	cuts, _, err := s.rdb.HScan(ctx, s.keys.cuts(), 0, "", pageSize).Result()
	if err != nil {
		return 0, unavailable("read cuts", err)
	}
	for i := 0; i+1 < len(cuts); i += 2 {
		if cuts[i] == cutsMark {
			continue
		}
		_, reach, _ := strings.Cut(cuts[i+1], " ")
		if reach != "" && answer[1] != "0" {
			reach = everywhere // its index may be among what the server has thrown away
		}
		n, err := s.reapReach(ctx, reach)
		removed += n
		if err != nil {
			return removed, err
		}
		if _, err := s.run(ctx, "reaped", s.scripts.reaped, []string{s.keys.cuts(), s.keys.vouch()}, cuts[i], cuts[i+1], answer[0]); err != nil {
			return removed, err
		}
	}
	return removed, nil
}

func (s *Store) reapReach(ctx context.Context, reach string) (removed int, err error) {
	reap := func(sids []string) error {
		n, err := s.reap(ctx, sids)
		removed += n
		return err
	}
	if reach == everywhere {
		err = s.eachSession(ctx, reap)
		return removed, err
	}
	sids, err := s.rdb.ZRange(ctx, s.keys.index(reach), 0, -1).Result()
	if err != nil {
		return 0, unavailable("read index", err)
	}
	for len(sids) > 0 && err == nil {
		n := min(batch, len(sids))
		err = reap(sids[:n])
		sids = sids[n:]
	}
	return removed, err
}

func (s *Store) reap(ctx context.Context, sids []string) (int, error) {
	if len(sids) == 0 {
		return 0, nil
	}
	args := []any{s.keys.sessions(), s.keys.indexes()}
	for _, sid := range sids {
		args = append(args, sid)
	}
	answer, err := s.run(ctx, "reap", s.scripts.reap, []string{s.keys.cuts(), s.keys.vouch()}, args...)
	if err != nil {
		return 0, err
	}
	d := decoder{}
	return int(d.number(answer, 0)), d.err
}

// eachSession visits every session that exists all the while, in batches, one
// batch at a time. A session may come twice.
func (s *Store) eachSession(ctx context.Context, visit func(sids []string) error) error {
	if cluster, ok := s.rdb.(*redis.ClusterClient); ok {
		var turn sync.Mutex // the masters are looked through at the same time
		return cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
			return s.scan(ctx, node, func(sids []string) error {
				turn.Lock()
				defer turn.Unlock()
				return visit(sids)
			})
		})
	}
	return s.scan(ctx, s.rdb, visit)
}

func (s *Store) scan(ctx context.Context, node redis.Cmdable, visit func(sids []string) error) error {
	for cursor := uint64(0); ; {
		names, next, err := node.Scan(ctx, cursor, escapeGlob(s.keys.sessions())+"*", pageSize).Result()
		if err != nil {
			return unavailable("scan sessions", err)
		}
		for i, name := range names {
			names[i] = strings.TrimPrefix(name, s.keys.sessions())
		}
		if err := visit(names); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}
