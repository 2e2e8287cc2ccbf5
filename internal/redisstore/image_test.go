package redisstore_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/session"
)

func sum(n byte) (h [32]byte) {
	for i := range h {
		h[i] = n
	}
	return h
}

func logIn(t *testing.T, store *redisstore.Store) session.Rotation {
	t.Helper()
	id := uuid.NewString()
	_, err := store.Create(t.Context(), session.Opening{
		Session: session.Session{ID: id, Issuer: "i", Tenant: "acme", UserID: "u1", Roles: []string{"a"}},
		Refresh: session.Refresh{Family: sum(1), Current: sum(2)}, Idle: time.Hour, Lifetime: time.Hour, AccessTTL: time.Minute,
	})
	check(t, err)
	return session.Rotation{
		SessionID: id, Issuer: "i", Family: sum(1), Presented: sum(2), Successor: sum(3), Salt: [16]byte{3},
		Grace: time.Hour, Idle: time.Hour, AccessTTL: time.Minute,
	}
}

// A server is restarted from its last snapshot, or a replica that was cut off is
// promoted. A session that was ended since then is there again, and whether its
// revocation is still in the log depends on how old the image is.
func TestImageRevivesNoEndedSession(t *testing.T) {
	for name, age := range map[string]time.Duration{"younger than a revocation": 20 * time.Minute, "older": 40 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			server := startRedis(t, "--appendonly", "no")
			rdb := server.open(t)
			store := redisstore.New(rdb, "r")
			vouch(t, store)
			ended, other := logIn(t, store), logIn(t, store)
			check(t, rdb.Save(t.Context()).Err())
			rev, err := store.Revoke(t.Context(), events.Revocation{
				ID: "r1", Scope: events.ScopeSession, Issuer: "i", Subject: ended.SessionID, TTLMillis: 1800_000,
			})
			check(t, err)
			server.kill()
			server.start(t)

			_, err = store.Rotate(t.Context(), ended)
			wantUnavailable(t, "refresh before the refill", err)
			refill, err := store.BeginRefill(t.Context())
			check(t, err)
			if age < 30*time.Minute {
				check(t, store.Apply(t.Context(), "", []events.Revocation{rev})) // the log still has it
			}
			refill.Reckoned, refill.Life = refill.FoundAt.Add(age), 30*time.Minute
			check(t, store.Vouch(t.Context(), refill, time.Now()))
			if _, err = store.Rotate(t.Context(), ended); !errors.Is(err, session.ErrEnded) {
				t.Errorf("the ended session: %v", err)
			}
			if _, err = store.Rotate(t.Context(), other); (err == nil) != (age < 30*time.Minute) {
				t.Errorf("the other session: %v", err)
			}
			_, err = store.Rotate(t.Context(), logIn(t, store))
			check(t, err)
		})
	}
}

func TestEvictionEndsVouch(t *testing.T) {
	server := startRedis(t, "--maxmemory-policy", "volatile-random")
	rdb := server.open(t)
	store, lookup := redisstore.New(rdb, "r"), redisstore.NewLookup(rdb, "r")
	vouch(t, store)
	s := logIn(t, store)
	refill, err := store.BeginRefill(t.Context()) // of another issuer, perhaps
	check(t, err)
	question := redisstore.Question{IDs: []string{events.Key(events.ScopeToken, "i", "absent")}}
	believed := func() bool {
		verdict, err := lookup.Lookup(t.Context(), question, time.Hour)
		check(t, err)
		return verdict.Vouched
	}
	if !believed() {
		t.Fatal("not believed before")
	}
	check(t, rdb.Persist(t.Context(), "curfew:{r}:refill:"+refill.Token).Err())
	check(t, rdb.ConfigSet(t.Context(), "maxmemory", "3mb").Err())
	for n := 0; !strings.Contains(rdb.Info(t.Context(), "stats").Val(), "evicted_keys:1"); n++ {
		check(t, rdb.Set(t.Context(), fmt.Sprint("ballast:", n), strings.Repeat("x", 10_000), time.Hour).Err())
	}
	check(t, rdb.ConfigSet(t.Context(), "maxmemory", "0").Err())
	if rdb.HExists(t.Context(), "curfew:{r}:vouch", "id").Val() != true {
		t.Fatal("the vouch itself was thrown away: this shows nothing")
	}
	if believed() {
		t.Error("believed although it has thrown keys away")
	}
	_, err = store.Get(t.Context(), s.SessionID)
	wantUnavailable(t, "get", err)
	if _, err = store.KeepVouch(t.Context(), time.Now()); !errors.Is(err, commit.ErrUnvouched) {
		t.Errorf("keep vouch: %v", err)
	}
	if err = store.Vouch(t.Context(), refill, time.Now()); !errors.Is(err, commit.ErrRefillLost) {
		t.Errorf("the old refill vouches: %v", err)
	}
	vouch(t, store)
	if !believed() {
		t.Error("not believed after a refill")
	}
}

func TestReplicasThatNobodyWaitsFor(t *testing.T) {
	primary := startRedis(t)
	rdb := primary.open(t)
	store := redisstore.New(rdb, "r")
	vouch(t, store)
	want := func(unguarded bool) {
		t.Helper()
		kept, err := store.KeepVouch(t.Context(), time.Now())
		check(t, err)
		if kept.Unguarded != unguarded {
			t.Errorf("unguarded %t, want %t", kept.Unguarded, unguarded)
		}
	}
	want(false)
	host, port, _ := strings.Cut(primary.addr, ":")
	startRedis(t, "--replicaof", host+" "+port)
	waitFor(t, "the replica is there", func() bool {
		return strings.Contains(rdb.Info(t.Context(), "replication").Val(), "state=online")
	})
	vouch(t, store) // with its first replica a server begins another history
	want(true)
	check(t, rdb.ConfigSet(t.Context(), "min-replicas-to-write", "1").Err())
	want(false)
}

// INFO is the dearest part of a short script.
func TestInfoIsAskedOncePerScript(t *testing.T) {
	server := startRedis(t)
	rdb := server.open(t)
	store, lookup := redisstore.New(rdb, "r"), redisstore.NewLookup(rdb, "r")
	vouch(t, store)
	s := logIn(t, store)
	id := events.Key(events.ScopeToken, "i", "absent")
	for name, run := range map[string]func() error{
		"lookup": func() error {
			_, err := lookup.Live(t.Context(), redisstore.Question{IDs: []string{id}}, "i", s.SessionID, time.Hour)
			return err
		},
		"create": func() error { logIn(t, store); return nil },
		"rotate": func() error { _, err := store.Rotate(t.Context(), s); return err },
		"get":    func() error { _, err := store.Get(t.Context(), s.SessionID); return err },
		"revoke": func() error { _, err := store.Revoke(t.Context(), revocation()); return err },
		"apply":  func() error { return store.Apply(t.Context(), "", []events.Revocation{revocation(), revocation()}) },
		"keep":   func() error { _, err := store.KeepVouch(t.Context(), time.Now()); return err },
	} {
		check(t, run()) // its script is loaded
		before := asked(t, rdb)
		check(t, run())
		if n := asked(t, rdb) - before - 1; n != 1 {
			t.Errorf("%s asks INFO %d times", name, n)
		}
	}
}

// asked is how often INFO was asked, this time included.
func asked(t *testing.T, rdb redis.UniversalClient) (n int) {
	t.Helper()
	const field = "cmdstat_info:calls="
	text := rdb.Info(t.Context(), "commandstats").Val()
	if _, rest, ok := strings.Cut(text, field); ok {
		_, err := fmt.Sscanf(rest, "%d", &n)
		check(t, err)
	}
	return n
}
