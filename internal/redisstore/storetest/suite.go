package storetest

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/session"
)

const (
	issuer = "https://issuer.test"
	hour   = time.Hour
)

// Run runs every test. open returns a client of the server under test; each
// test keeps to a region of its own, but several wipe the server.
func Run(t *testing.T, open func(t *testing.T) redis.UniversalClient) {
	for _, group := range [][]test{
		sessionTests(), limitTests(), refreshTests(), revocationTests(), logTests(), vouchTests(), attemptTests(), liveTests(), cutoffTests(),
		refreshesTests(), newestTests(), imageTests(), withdrawTests(), furthestTests(),
	} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) { c.run(t, newRoom(t, open(t))) })
		}
	}
}

type test struct {
	name string
	run  func(*testing.T, *room)
}

// A room is one region, refilled and vouched for.
type room struct {
	rdb    redis.UniversalClient
	prefix string
	store  *redisstore.Store
	lookup *redisstore.Lookup
}

func newRoom(t *testing.T, rdb redis.UniversalClient) *room {
	region := rand.Text()
	r := &room{
		rdb: rdb, prefix: "curfew:{" + region + "}:",
		store: redisstore.New(rdb, region), lookup: redisstore.NewLookup(rdb, region),
	}
	r.refill(t)
	return r
}

// refill vouches for the store as one that is known to be young.
func (r *room) refill(t *testing.T) {
	t.Helper()
	refill := r.begin(t)
	refill.Reckoned, refill.Life = time.Now(), hour
	must(t, r.store.Vouch(t.Context(), refill, time.Now()))
}

func (r *room) begin(t *testing.T) commit.Refill {
	t.Helper()
	refill, err := r.store.BeginRefill(t.Context())
	must(t, err)
	return refill
}

// login creates a session whose family and secret are sum(1) and sum(2).
func (r *room) login(t *testing.T, tenant, user string, idle, lifetime time.Duration) session.Session {
	t.Helper()
	opened, err := r.store.Create(t.Context(), opening(newSession(tenant, user), idle, lifetime))
	must(t, err)
	return opened.Session
}

func opening(s session.Session, idle, lifetime time.Duration) session.Opening {
	return session.Opening{
		Session: s, Refresh: session.Refresh{Family: sum(1), Current: sum(2)}, Idle: idle, Lifetime: lifetime,
		Eviction: revocation(events.ScopeSession, "draft", hour),
	}
}

func newSession(tenant, user string) session.Session {
	return session.Session{
		ID: uuid.NewString(), Issuer: issuer, Tenant: tenant, UserID: user, Roles: []string{"admin", "a\"b"}, Scope: "read write",
		Device: session.Device{ID: "d1", Kind: "ios", Name: "Ünï\x00code"}, IP: "192.0.2.1", UserAgent: "agent/1",
	}
}

func sum(n byte) (h [32]byte) {
	for i := range h {
		h[i] = n
	}
	return h
}

// rotation presents sum(presented) and offers sum(successor), salted alike.
func rotation(id string, presented, successor byte) session.Rotation {
	return session.Rotation{
		SessionID: id, Issuer: issuer, Family: sum(1), Presented: sum(presented), Successor: sum(successor),
		Salt: [16]byte{successor}, Grace: hour, Idle: hour,
	}
}

func revocation(scope events.Scope, subject string, ttl time.Duration) events.Revocation {
	return events.Revocation{
		ID: uuid.NewString(), Scope: scope, Issuer: issuer, Subject: subject,
		TTLMillis: ttl.Milliseconds(), Reason: "test", Actor: "suite",
	}
}

func (r *room) ask(t *testing.T, rev events.Revocation, staleness time.Duration) redisstore.Verdict {
	t.Helper()
	v, err := r.lookup.Lookup(t.Context(), redisstore.Question{IDs: []string{events.Key(events.ScopeToken, issuer, "other"), rev.Key()}}, staleness)
	must(t, err)
	return v
}

// ttl is what is left of the life of a revocation.
func (r *room) ttl(t *testing.T, rev events.Revocation) time.Duration {
	t.Helper()
	d, err := r.rdb.PTTL(t.Context(), r.prefix+"rev:"+rev.Key()).Result()
	must(t, err)
	return d
}

// keys lists the room's keys by the part after the prefix.
func (r *room) keys(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := r.rdb.Keys(t.Context(), r.prefix+pattern).Result()
	must(t, err)
	return names
}
