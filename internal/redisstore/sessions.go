package redisstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
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
		[]string{s.keys.stamp(), s.keys.vouch(), s.keys.session(r.SessionID), s.keys.cuts(), s.keys.furthest()},
		s.keys.revocations(), hex.EncodeToString(r.Family[:]), hex.EncodeToString(r.Presented[:]),
		hex.EncodeToString(r.Successor[:]), hex.EncodeToString(r.Salt[:]),
		r.Grace.Milliseconds(), r.Idle.Milliseconds(), seenEvery.Milliseconds(), r.BindDevice, r.DeviceID, r.Issuer,
		r.AccessTTL.Milliseconds())
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
	answer, err := s.fields(ctx, id, family)
	if err != nil {
		return session.Session{}, err
	}
	d := decoder{}
	got := d.session(id, answer)
	return got, d.err
}

// fields are a session's hash: field, value, field, value.
func (s *Store) fields(ctx context.Context, id, family string) ([]string, error) {
	return s.run(ctx, "get session", s.scripts.get, []string{s.keys.vouch(), s.keys.session(id), s.keys.cuts()}, family)
}

// List implements session.Store: the oldest, at most 1,000.
func (s *Store) List(ctx context.Context, issuer, tenant, userID string) (list []session.Session, err error) {
	for from := "0"; from != "-1" && len(list) < maxListed && err == nil; {
		var page []session.Session
		page, from, err = s.listPage(ctx, issuer, tenant, userID, from)
		list = append(list, page...)
	}
	return list[:min(len(list), maxListed)], err
}

// Each calls visit with all live sessions that a user has with an issuer,
// oldest first, in pages.
func (s *Store) Each(ctx context.Context, issuer, tenant, userID string, visit func([]session.Session)) error {
	for from := "0"; from != "-1"; {
		page, next, err := s.listPage(ctx, issuer, tenant, userID, from)
		if err != nil {
			return err
		}
		visit(page)
		from = next
	}
	return nil
}

func (s *Store) listPage(ctx context.Context, issuer, tenant, userID, from string) ([]session.Session, string, error) {
	const op = "list sessions"
	keys := []string{s.keys.vouch(), s.keys.index(indexName(tenant, userID)), s.keys.cuts()}
	answer, err := s.scripts.list.Run(ctx, s.rdb, keys, s.keys.sessions(), pageSize, from).Slice()
	if err != nil {
		return nil, "", unavailable(op, err)
	}
	if len(answer) == 0 {
		return nil, "", errMalformed
	}
	if err := outcome(op, fmt.Sprint(answer[0])); err != nil {
		return nil, "", err
	}
	if len(answer) < 2 {
		return nil, "", errMalformed
	}
	page, err := decodeList(answer[2:])
	page = slices.DeleteFunc(page, func(of session.Session) bool { return of.Issuer != issuer })
	return page, fmt.Sprint(answer[1]), err
}
