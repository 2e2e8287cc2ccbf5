package redisstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/curfew-auth/curfew/internal/session"
)

// maxListed bounds what one List holds the server up for.
const maxListed = 1000

// seenEvery is how exact the time last seen is.
const seenEvery = time.Minute

// Rotate implements session.Store.
func (s *Store) Rotate(ctx context.Context, r session.Rotation) (session.Rotated, error) {
	answer, err := s.run(ctx, "rotate refresh token", s.scripts.rotate,
		[]string{s.keys.stamp(), s.keys.vouch(), s.keys.session(r.SessionID)},
		s.keys.revocations(), hex.EncodeToString(r.Family[:]), hex.EncodeToString(r.Presented[:]),
		hex.EncodeToString(r.Successor[:]), hex.EncodeToString(r.Salt[:]),
		r.Grace.Milliseconds(), r.Idle.Milliseconds(), seenEvery.Milliseconds(), r.BindDevice, r.DeviceID)
	if err != nil {
		return session.Rotated{}, err
	}
	if len(answer) < 4 {
		return session.Rotated{}, errMalformed
	}
	d := decoder{}
	out := session.Rotated{
		Stamp:            session.Stamp{Now: d.millis(answer, 0), Millis: d.number(answer, 1)},
		Salt:             d.salt(answer[2]),
		RefreshExpiresAt: d.millis(answer, 3),
		Session:          d.session(r.SessionID, answer[4:]),
	}
	return out, d.err
}

// Get implements session.Store.
func (s *Store) Get(ctx context.Context, id string) (session.Session, error) {
	return s.get(ctx, id, "")
}

// Prove implements session.Store.
func (s *Store) Prove(ctx context.Context, id string, family [32]byte) (session.Session, error) {
	got, err := s.get(ctx, id, hex.EncodeToString(family[:]))
	if errors.Is(err, session.ErrNotFound) {
		return got, session.ErrEnded
	}
	return got, err
}

func (s *Store) get(ctx context.Context, id, family string) (session.Session, error) {
	answer, err := s.run(ctx, "get session", s.scripts.get, []string{s.keys.vouch(), s.keys.session(id)}, family)
	if err != nil {
		return session.Session{}, err
	}
	d := decoder{}
	got := d.session(id, answer)
	return got, d.err
}

// List implements session.Store: at most the 1,000 oldest.
func (s *Store) List(ctx context.Context, tenant, userID string) ([]session.Session, error) {
	const op = "list sessions"
	keys := []string{s.keys.vouch(), s.keys.index(indexName(tenant, userID))}
	answer, err := s.scripts.list.Run(ctx, s.rdb, keys, s.keys.sessions(), maxListed).Slice()
	if err != nil {
		return nil, unavailable(op, err)
	}
	if len(answer) == 0 {
		return nil, errMalformed
	}
	if err := outcome(op, fmt.Sprint(answer[0])); err != nil {
		return nil, err
	}
	return decodeList(answer[1:])
}
