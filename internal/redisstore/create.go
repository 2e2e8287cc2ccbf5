package redisstore

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/session"
)

// Create implements session.Store.
func (s *Store) Create(ctx context.Context, o session.Opening) (session.Opened, error) {
	n := o.Session
	revocation, index := events.Key(events.ScopeSession, n.Issuer, n.ID), indexName(n.Tenant, n.UserID)
	args, err := createArgs(o)
	if err != nil {
		return session.Opened{}, err
	}
	args = append(append(s.prefixes(), args...), "index", index, "revocation", revocation,
		"cutoffs", strings.Join(events.Cutoffs(events.ModeEnd, n.Issuer, n.Tenant, n.UserID), " "))
	answer, err := s.run(ctx, "create session", s.scripts.create, []string{
		s.keys.stamp(), s.keys.vouch(), s.keys.session(n.ID), s.keys.index(index), s.keys.revocation(revocation),
		s.keys.held(), s.keys.outbox(), s.keys.cuts(), s.keys.furthest(),
	}, args...)
	if err != nil {
		return session.Opened{}, err
	}
	return decodeOpened(o, answer)
}

// createArgs lists what the script takes between the prefixes and the fields
// that are names of keys.
func createArgs(o session.Opening) ([]any, error) {
	args := []any{o.Idle.Milliseconds(), o.Lifetime.Milliseconds(), o.Session.ID}
	args = append(args, o.Limit.Total, o.Limit.PerKind, o.Limit.Refuse)
	eviction, err := evictionArgs(o)
	if err != nil {
		return nil, err
	}
	fields, err := encodeSession(o.Session)
	if err != nil {
		return nil, err
	}
	args = append(append(append(args, eviction...), o.AccessTTL.Milliseconds()), fields...)
	return append(args, "family", hex.EncodeToString(o.Refresh.Family[:]), "current", hex.EncodeToString(o.Refresh.Current[:])), nil
}

var errNoEviction = errors.New("redisstore: a limit that evicts needs the draft of a revocation of the session's issuer")

// evictionArgs gives the revocation of an evicted session as the script puts
// it together, byte for byte as Go would: four pieces, between which go the
// evicted id, that again and how long it lives; then that at least, and how much
// longer than any token.
func evictionArgs(o session.Opening) ([]any, error) {
	if o.Limit.Refuse || o.Limit.Total == 0 && o.Limit.PerKind == 0 {
		return []any{"", "", "", "", 0, 0}, nil
	}
	e, err := entryOf(evictionOf(o, o.Session.ID))
	if err != nil {
		return nil, err
	}
	pieces := bytes.Split(e.head, []byte(o.Session.ID))
	if len(pieces) != 3 || o.Eviction.Issuer != o.Session.Issuer {
		return nil, errNoEviction
	}
	return []any{pieces[0], pieces[1], pieces[2], e.tail, e.ttl, commit.Margin.Milliseconds()}, nil
}

// evictionOf is the revocation of one evicted session. Its ID is the session's,
// which is evicted once.
func evictionOf(o session.Opening, sid string) events.Revocation {
	r := o.Eviction
	r.ID, r.Subject = sid, sid
	return r
}

// evictedFields is how many texts the script says about each.
const evictedFields = 5

func decodeOpened(o session.Opening, answer []string) (session.Opened, error) {
	if len(answer) < 6 {
		return session.Opened{}, errMalformed
	}
	d := decoder{}
	now := d.millis(answer, 0)
	out := session.Opened{
		Session: o.Session, Stamp: session.Stamp{Now: now, Millis: d.number(answer, 1)},
		RefreshExpiresAt: d.millis(answer, 3),
	}
	out.Session.CreatedAt, out.Session.LastSeen, out.Session.ExpiresAt = now, now, d.millis(answer, 2)
	for rest := answer[6:]; len(rest) >= evictedFields; rest = rest[evictedFields:] {
		r := evictionOf(o, rest[0])
		r.Stamp, r.Incarnation, r.TTLMillis = out.Stamp.Millis, answer[4], d.number(answer, 5)
		out.Evicted = append(out.Evicted, session.Evicted{Revocation: r, Session: session.Session{
			ID: rest[0], Issuer: r.Issuer, Tenant: o.Session.Tenant, UserID: o.Session.UserID,
			Device: session.Device{ID: rest[1], Kind: rest[2], Name: rest[3]}, IP: rest[4],
		}})
	}
	return out, d.err
}
