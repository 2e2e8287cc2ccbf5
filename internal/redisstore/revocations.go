package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/events"
)

const (
	// batch bounds one pipeline of scripts: all of it has to fit into one
	// read timeout, on the embedded store too.
	batch = 100
	// pageSize bounds what is read at once.
	pageSize = 500
	// maxStamp is the last integer that Lua's numbers hold exactly; one bad
	// entry in the log must not make the stamp unreadable for ever.
	maxStamp = 1<<53 - 1
	// maxTTL keeps now + ttl inside what Redis accepts as an expiry.
	maxTTL = 100 * 365 * 24 * time.Hour
)

// Revoke takes a revocation in and, for a session, ends it in the same script,
// so that no refresh under way can bring it back. It returns r with the stamp
// and the incarnation of the store that now holds it. It also works on a
// store that nobody vouches for, since it only adds. Repeating it is harmless.
func (s *Store) Revoke(ctx context.Context, r events.Revocation) (events.Revocation, error) {
	args, err := s.revokeArgs("revoke", r)
	if err != nil {
		return events.Revocation{}, err
	}
	answer, err := s.run(ctx, "revoke", s.scripts.revoke, s.revokeKeys(r), args...)
	if err != nil {
		return events.Revocation{}, err
	}
	d := decoder{}
	r.Stamp = d.number(answer, 0)
	if d.err != nil || len(answer) < 2 {
		return events.Revocation{}, errMalformed
	}
	r.Incarnation = answer[1]
	return r, nil
}

// Apply projects revocations from the log into the store: like Revoke, but
// they keep their stamps, which the store's own stamp is raised to, and
// nothing goes to the outbox. Repeating it is harmless. On an error some of
// them may have been applied.
func (s *Store) Apply(ctx context.Context, rs []events.Revocation) error {
	for len(rs) > 0 {
		n := min(len(rs), batch)
		if err := s.apply(ctx, rs[:n]); err != nil {
			return err
		}
		rs = rs[n:]
	}
	return nil
}

func (s *Store) apply(ctx context.Context, rs []events.Revocation) error {
	err := s.pipeline(ctx, rs)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		if err := s.scripts.revoke.Load(ctx, s.rdb).Err(); err != nil {
			return unavailable("load script", err)
		}
		err = s.pipeline(ctx, rs)
	}
	return err
}

func (s *Store) pipeline(ctx context.Context, rs []events.Revocation) error {
	pipe := s.rdb.Pipeline()
	for _, r := range rs {
		args, err := s.revokeArgs("apply", r)
		if err != nil {
			return err
		}
		s.scripts.revoke.EvalSha(ctx, pipe, s.revokeKeys(r), args...)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return unavailable("apply", err)
	}
	return nil
}

func (s *Store) revokeKeys(r events.Revocation) []string {
	return []string{
		s.keys.stamp(), s.keys.revocation(r.Key()), s.keys.held(), s.keys.outbox(), s.keys.session(r.Subject),
	}
}

func (s *Store) revokeArgs(mode string, r events.Revocation) ([]any, error) {
	stamp, origin := min(max(r.Stamp, 0), maxStamp), r.Incarnation
	if origin == "" {
		origin = noOrigin
	}
	sid := ""
	if r.Scope == events.ScopeSession {
		sid = r.Subject
	}
	ttl := min(r.TTLMillis, maxTTL.Milliseconds())
	r.Stamp, r.Incarnation = 0, ""
	data, err := r.Encode()
	if err != nil {
		return nil, err
	}
	return []any{mode, stamp, origin, data, ttl, r.ID, r.Key(), sid, s.keys.indexes()}, nil
}

// noOrigin stands where an entry names no incarnation.
const noOrigin = "-"

// decodeEntry reads "<stamp> <incarnation> <JSON>". The stamp and incarnation
// stand outside the JSON because a script adds them, and Lua's JSON would
// change the numbers.
func decodeEntry(entry string) (events.Revocation, error) {
	stamp, rest, _ := strings.Cut(entry, " ")
	origin, data, _ := strings.Cut(rest, " ")
	r, err := events.DecodeRevocation([]byte(data))
	if err != nil {
		return events.Revocation{}, err
	}
	if r.Stamp, err = strconv.ParseInt(stamp, 10, 64); err != nil {
		return events.Revocation{}, fmt.Errorf("%w: stamp %q", events.ErrBadRevocation, stamp)
	}
	if origin != noOrigin {
		r.Incarnation = origin
	}
	return r, nil
}
