package redisstore

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/events"
)

const (
	// batch bounds one script: others wait while it runs, for a millisecond
	// or so on a real server.
	batch = 250
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
// and the incarnation of the store that now holds it, and a life that covers
// every token handed out. It also works on a store that nobody vouches for, since it only adds; the stamp is at or above
// that of r then. Repeating it is harmless.
func (s *Store) Revoke(ctx context.Context, r events.Revocation) (events.Revocation, error) {
	entry, err := entryOf(r)
	if err != nil {
		return events.Revocation{}, err
	}
	args := append(s.prefixes(), entry.head, entry.tail, entry.ttl, entry.member, entry.reach, entry.kind, r.ID, entry.stamp, commit.Margin.Milliseconds())
	answer, err := s.run(ctx, "revoke", s.scripts.revoke, []string{
		s.keys.stamp(), s.keys.held(), s.keys.outbox(), s.keys.cuts(), s.keys.vouch(), s.keys.furthest(),
	}, args...)
	if err != nil {
		return events.Revocation{}, err
	}
	d := decoder{}
	r.Stamp, r.TTLMillis = d.number(answer, 0), d.number(answer, 2)
	if d.err != nil || len(answer) < 2 {
		return events.Revocation{}, errMalformed
	}
	r.Incarnation = answer[1]
	return r, nil
}

// Apply projects revocations from the log into the store: like Revoke, but
// they keep their stamps, which the store's own stamp is raised to, and
// nothing goes to the outbox. Repeating it is harmless; while nobody vouches for
// the store, what it holds already gets its whole life again. On an error some of
// them may have been applied.
func (s *Store) Apply(ctx context.Context, incarnation string, rs []events.Revocation) error {
	for part := range slices.Chunk(rs, batch) {
		args := append(s.prefixes(), incarnation)
		for _, r := range part {
			e, err := entryOf(r)
			if err != nil {
				return err
			}
			args = append(args, e.stamp, e.origin, e.data(), e.ttl, e.member, e.reach, e.kind)
		}
		if _, err := s.run(ctx, "apply", s.scripts.apply, []string{s.keys.stamp(), s.keys.held(), s.keys.cuts(), s.keys.vouch()}, args...); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) prefixes() []any {
	return []any{s.keys.revocations(), s.keys.sessions(), s.keys.indexes()}
}

// An entry is a revocation as the scripts take it.
type entry struct {
	stamp, ttl  int64
	origin      string
	head, tail  []byte // JSON without stamp and incarnation, up to its ttl and from there
	member      string
	kind, reach string // see take.lua
}

func entryOf(r events.Revocation) (entry, error) {
	e := entry{
		stamp: min(max(r.Stamp, 0), maxStamp), ttl: min(r.TTLMillis, maxTTL.Milliseconds()),
		origin: cmp.Or(r.Incarnation, noOrigin), member: r.Key(), kind: "id",
	}
	switch {
	case r.Scope.Cutoff():
		e.kind, e.reach = "cutoff", reachOf(r)
	case r.Scope == events.ScopeSession:
		e.reach = r.Subject
	}
	r.Stamp, r.Incarnation = 0, ""
	data, err := r.Encode()
	if err != nil {
		return entry{}, err
	}
	e.head, e.tail, err = aroundTTL(data, r.TTLMillis)
	return e, err
}

// data is the JSON as Encode gives it, but for a ttl that is bounded.
func (e entry) data() []byte {
	return slices.Concat(e.head, strconv.AppendInt(nil, e.ttl, 10), e.tail)
}

// aroundTTL finds the ttl: no text can hold its name, because the quotes in
// texts are escaped.
func aroundTTL(data []byte, ttl int64) (head, tail []byte, err error) {
	const name = `"ttl_ms":`
	head, tail, found := bytes.Cut(data, strconv.AppendInt([]byte(name), ttl, 10))
	if !found {
		return nil, nil, fmt.Errorf("%w: no %s", events.ErrBadRevocation, name)
	}
	return append(head[:len(head):len(head)], name...), tail, nil
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
