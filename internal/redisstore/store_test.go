package redisstore_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/embedded"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/redisstore/storetest"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv/port"
)

func TestEmbedded(t *testing.T) {
	store := startEmbedded(t)
	storetest.Run(t, func(t *testing.T) redis.UniversalClient { return open(t, store.URL()) })
}

func TestRedis(t *testing.T) {
	server := startRedis(t)
	storetest.Run(t, server.open)
}

// A cluster refuses scripts whose keys are spread over slots.
func TestCluster(t *testing.T) {
	bus, err := port.Free() // by default 10000 above the other, where somebody else may be
	check(t, err)
	server := startRedis(t, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus))
	rdb := server.open(t)
	check(t, rdb.Do(t.Context(), "CLUSTER", "ADDSLOTSRANGE", 0, 16383).Err())
	waitFor(t, "the cluster is up", func() bool {
		return strings.Contains(rdb.ClusterInfo(t.Context()).Val(), "cluster_state:ok")
	})
	storetest.Run(t, func(t *testing.T) redis.UniversalClient {
		return open(t, "redis://"+server.addr+"?addr="+server.addr)
	})
}

// A server that does not say who it is cannot be vouched for.
func TestUnidentifiedServer(t *testing.T) {
	server := miniredis.RunT(t) // knows neither INFO server nor INFO replication
	store := redisstore.New(open(t, "redis://"+server.Addr()), "r")
	_, err := store.BeginRefill(t.Context())
	if !errors.Is(err, session.ErrUnavailable) || !strings.Contains(err.Error(), "INFO server gives no run_id") {
		t.Fatalf("begin refill: %v", err)
	}
	if _, err = store.Revoke(t.Context(), revocation()); !errors.Is(err, session.ErrUnavailable) {
		t.Fatalf("revoke: %v", err)
	}
}

func TestRestartEndsVouch(t *testing.T) {
	server := startRedis(t)
	rdb := server.open(t)
	store, lookup := redisstore.New(rdb, "r"), redisstore.NewLookup(rdb, "r")
	refill := vouch(t, store)
	rev, err := store.Revoke(t.Context(), revocation())
	check(t, err)
	absent := []string{events.Key(events.ScopeToken, "i", "absent")}
	server.kill()
	server.start(t)

	verdict, err := lookup.Lookup(t.Context(), redisstore.Question{IDs: absent}, time.Hour)
	check(t, err)
	if verdict != (redisstore.Verdict{}) {
		t.Fatalf("a restarted server is believed: %+v", verdict)
	}
	if _, err := store.Get(t.Context(), "x"); !errors.Is(err, session.ErrUnavailable) {
		t.Fatalf("get: %v", err)
	}
	if err := store.Vouch(t.Context(), refill, time.Now()); !errors.Is(err, commit.ErrRefillLost) {
		t.Fatalf("the old refill vouches: %v", err)
	}
	if verdict, _ := lookup.Lookup(t.Context(), redisstore.Question{IDs: []string{rev.Key()}}, time.Hour); !verdict.Revoked {
		t.Fatal("the restart lost a revocation that was on disk")
	}
	again, err := store.Revoke(t.Context(), revocation())
	check(t, err)
	if again.Incarnation == rev.Incarnation {
		t.Fatal("the restart kept the incarnation")
	}
	vouch(t, store)
	_, err = store.KeepVouch(t.Context(), time.Now())
	check(t, err)
}

func TestPromotionEndsVouch(t *testing.T) {
	primary := startRedis(t)
	vouch(t, redisstore.New(primary.open(t), "r"))
	host, port, _ := strings.Cut(primary.addr, ":")
	replica := startRedis(t, "--replicaof", host+" "+port)
	rdb := replica.open(t)
	waitFor(t, "the replica has the vouch", func() bool {
		return rdb.Exists(t.Context(), "curfew:{r}:vouch").Val() == 1
	})
	absent := []string{events.Key(events.ScopeToken, "i", "absent")}
	for _, stage := range []string{"replica", "promoted"} {
		verdict, err := redisstore.NewLookup(rdb, "r").Lookup(t.Context(), redisstore.Question{IDs: absent}, time.Hour)
		check(t, err)
		if verdict.Vouched {
			t.Fatalf("the %s is believed", stage)
		}
		check(t, rdb.SlaveOf(t.Context(), "NO", "ONE").Err())
	}
	if _, err := redisstore.New(rdb, "r").KeepVouch(t.Context(), time.Now()); !errors.Is(err, commit.ErrUnvouched) {
		t.Fatalf("keep vouch: %v", err)
	}
}

func startEmbedded(t *testing.T) *embedded.Store {
	t.Helper()
	store, err := embedded.StartStore()
	check(t, err)
	t.Cleanup(store.Close)
	return store
}

func open(t *testing.T, url string) redis.UniversalClient {
	t.Helper()
	rdb, err := redisstore.Open(url, redisstore.Options{Timeout: 10 * time.Second})
	check(t, err)
	t.Cleanup(func() { rdb.Close() })
	return rdb
}

func vouch(t *testing.T, store *redisstore.Store) commit.Refill {
	t.Helper()
	refill, err := store.BeginRefill(t.Context())
	check(t, err)
	check(t, store.Vouch(t.Context(), refill, time.Now()))
	return refill
}

func revocation() events.Revocation {
	return events.Revocation{ID: "r1", Scope: events.ScopeToken, Issuer: "i", Subject: "s", TTLMillis: 3600_000}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
