package memstore_test

import (
	"crypto/rand"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/commit/memstore"
	"github.com/curfew-auth/curfew/internal/embedded"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// A server is a store under test, with the edge's question, logins and faults.
type server struct {
	commit.Store
	lookup func(within time.Duration, keys ...string) (memstore.Verdict, error)
	// login opens a session, and hands out a token that is good for ttl. What
	// it returns tells whether the session is over.
	login   func(ttl time.Duration) (over func() bool)
	wipe    func()
	restore func()                    // as another server, from an image made now
	clock   func(ahead time.Duration) // of ours, from now on; never less than before
}

func memory(t *testing.T) server {
	s := memstore.New(time.Hour, t.Fatalf)
	return server{
		Store: s.Client(nil), lookup: s.Lookup, wipe: s.Wipe,
		login: func(ttl time.Duration) func() bool {
			stamp, ok := s.HandOut(ttl)
			if !ok {
				t.Fatal("nobody can log in")
			}
			return func() bool {
				over, ok := s.Over(stamp)
				return over || !ok
			}
		},
		restore: func() { s.Restore(s.Image()) },
		clock:   func(ahead time.Duration) { s.SetClock(time.Hour + ahead) },
	}
}

func real(t *testing.T) server {
	s, err := embedded.StartStore()
	testenv.Must(t, err)
	t.Cleanup(s.Close)
	rdb, err := redisstore.Open(s.URL(), redisstore.Options{})
	testenv.Must(t, err)
	t.Cleanup(func() { _ = rdb.Close() })
	server := over(t, rdb)
	server.clock = func(ahead time.Duration) { s.StopClock(time.Now().Add(ahead)) }
	return server
}

func over(t *testing.T, rdb redis.UniversalClient) server {
	edge := redisstore.NewLookup(rdb, "local")
	return server{
		Store: redisstore.New(rdb, "local"),
		lookup: func(within time.Duration, keys ...string) (memstore.Verdict, error) {
			v, err := edge.Lookup(t.Context(), redisstore.Question{IDs: keys}, within)
			return memstore.Verdict{Revoked: v.Revoked, Vouched: v.Vouched}, err
		},
		login: func(ttl time.Duration) func() bool { return login(t, rdb, ttl) },
		wipe:  func() { testenv.Must(t, rdb.FlushAll(t.Context()).Err()) },
		restore: func() {
			testenv.Must(t, rdb.HSet(t.Context(), "curfew:{local}:vouch", "id", "0123456789abcdef-0123456789abcdef").Err())
		},
	}
}

func login(t *testing.T, rdb redis.UniversalClient, ttl time.Duration) (over func() bool) {
	t.Helper()
	s := redisstore.New(rdb, "local")
	opened, err := s.Create(t.Context(), session.Opening{
		Session: session.Session{ID: rand.Text(), Issuer: "https://issuer.test", Tenant: "acme", UserID: "u", Roles: []string{}},
		Idle:    time.Hour, Lifetime: time.Hour, AccessTTL: ttl,
	})
	testenv.Must(t, err)
	return func() bool {
		_, err := s.Get(t.Context(), opened.Session.ID)
		return err != nil
	}
}

// The suite of redisstore needs a Redis client, so the contract that the fake
// must share with the real store is written down here once more, and both are
// held to it.
func TestFakeAgreesWithTheRealStore(t *testing.T) {
	for name, open := range map[string]func(*testing.T) server{"memory": memory, "redis": real} {
		for rule, check := range rules() {
			t.Run(name+"/"+rule, func(t *testing.T) { check(t, open(t)) })
		}
	}
}

func rules() map[string]func(*testing.T, server) {
	return map[string]func(*testing.T, server){
		"a revocation is held and in the outbox until settled": heldUntilSettled,
		"applying keeps the stamp and skips the outbox":        applyKeepsStamp,
		"a malformed revocation is refused":                    malformed,
		"what was filed anew is not settled by the old":        settlesItsOwnFiling,
		"a wipe takes the vouch along":                         wipeEndsVouch,
		"a refill does not survive a wipe":                     refillDiesInWipe,
		"only this incarnation's refill may vouch":             foreignRefill,
		"a vouch is as old as its claim":                       vouchAsOf,
		"stamps go on from what a lost store is told":          stampsAfterALoss,
		"a revocation outlives a shorter one of the same id":   neverShortened,
		"an image too old, or undated, ends its sessions":      oldImage,
		"a young image keeps its sessions":                     youngImage,
		"a withdrawn vouch takes a new refill":                 withdrawn,
		"the same process keeps its sessions, unless put back": samePersists,
		"a vouch ends when the clock moves too far":            leapt,
		"a revocation outlives the tokens handed out":          outlivesTokens,
		"a refill gives entries their whole life again":        refillLengthens,
	}
}

func heldUntilSettled(t *testing.T, s server) {
	want := revocation("a", time.Hour)
	got, err := s.Revoke(t.Context(), want)
	testenv.Must(t, err)
	if got.Stamp == 0 || got.Incarnation == "" {
		t.Fatalf("stamp %d, incarnation %q", got.Stamp, got.Incarnation)
	}
	out, err := s.Outbox(t.Context(), 10)
	testenv.Must(t, err)
	if len(out) != 1 || out[0] != got {
		t.Fatalf("outbox: %v", out)
	}
	if n, err := s.Settle(t.Context(), got, events.Revocation{ID: "unknown"}); n != 1 || err != nil {
		t.Errorf("settled %d, %v", n, err)
	}
	if out, err = s.Outbox(t.Context(), 10); err != nil || len(out) != 0 {
		t.Fatalf("outbox after settling: %v, %v", out, err)
	}
	if live := live(t, s); len(live) != 1 || live["a"] != got {
		t.Fatalf("live: %v", live)
	}
	wantVerdict(t, s, "a", memstore.Verdict{Revoked: true}) // a positive needs no vouch
}

func applyKeepsStamp(t *testing.T, s server) {
	r := revocation("a", time.Hour)
	r.Stamp, r.Incarnation = time.Now().Add(24*time.Hour).UnixMilli(), "other"
	for range 2 {
		testenv.Must(t, s.Apply(t.Context(), "", []events.Revocation{r, r}))
	}
	if live := live(t, s); len(live) != 1 || live["a"] != r {
		t.Fatalf("live: %v", live)
	}
	if out, err := s.Outbox(t.Context(), 10); err != nil || len(out) != 0 {
		t.Fatalf("outbox: %v, %v", out, err)
	}
	next, err := s.Revoke(t.Context(), revocation("b", time.Hour))
	testenv.Must(t, err)
	if next.Stamp < r.Stamp {
		t.Errorf("stamp %d after one of %d was applied", next.Stamp, r.Stamp)
	}
}

// A relay that was slow settles what it has published, and not what was filed anew
// after the store had lost that.
func settlesItsOwnFiling(t *testing.T, s server) {
	want := revocation("a", time.Hour)
	want.Stamp = time.Now().Add(24 * time.Hour).UnixMilli()
	first, err := s.Revoke(t.Context(), want)
	testenv.Must(t, err)
	s.wipe()
	want.Stamp++
	anew, err := s.Revoke(t.Context(), want)
	testenv.Must(t, err)
	if n, err := s.Settle(t.Context(), first); n != 0 || err != nil {
		t.Errorf("settled %d, %v, want nothing", n, err)
	}
	if out, err := s.Outbox(t.Context(), 10); err != nil || len(out) != 1 || out[0] != anew {
		t.Errorf("outbox: %v, %v", out, err)
	}
}

func malformed(t *testing.T, s server) {
	r := revocation("", time.Hour)
	if _, err := s.Revoke(t.Context(), r); !errors.Is(err, events.ErrBadRevocation) {
		t.Fatalf("no subject: %v", err)
	}
}

func wipeEndsVouch(t *testing.T, s server) {
	wantVerdict(t, s, "a", memstore.Verdict{})
	if _, err := s.KeepVouch(t.Context(), now(t, s)); !errors.Is(err, commit.ErrUnvouched) {
		t.Fatalf("nothing to keep: %v", err)
	}
	refill, err := s.BeginRefill(t.Context())
	testenv.Must(t, err)
	for range 2 {
		testenv.Must(t, s.Vouch(t.Context(), refill, now(t, s)))
	}
	keep(t, s, now(t, s))
	wantVerdict(t, s, "a", memstore.Verdict{Vouched: true})
	s.wipe()
	wantVerdict(t, s, "a", memstore.Verdict{})
	if _, err := s.KeepVouch(t.Context(), now(t, s)); !errors.Is(err, commit.ErrUnvouched) {
		t.Fatalf("after a wipe: %v", err)
	}
}

func refillDiesInWipe(t *testing.T, s server) {
	refill, err := s.BeginRefill(t.Context())
	testenv.Must(t, err)
	s.wipe()
	again, err := s.BeginRefill(t.Context())
	testenv.Must(t, err)
	if err := s.Vouch(t.Context(), refill, now(t, s)); !errors.Is(err, commit.ErrRefillLost) {
		t.Fatalf("vouch by a lost refill: %v", err)
	}
	testenv.Must(t, s.Vouch(t.Context(), again, now(t, s)))
}

func foreignRefill(t *testing.T, s server) {
	refill, err := s.BeginRefill(t.Context())
	testenv.Must(t, err)
	refill.Incarnation = "0123456789abcdef-0123456789abcdef"
	for _, r := range []commit.Refill{refill, {}} {
		if err := s.Vouch(t.Context(), r, now(t, s)); !errors.Is(err, commit.ErrRefillLost) {
			t.Fatalf("%v: %v", r, err)
		}
	}
}

func vouchAsOf(t *testing.T, s server) {
	refill, err := s.BeginRefill(t.Context())
	testenv.Must(t, err)
	testenv.Must(t, s.Vouch(t.Context(), refill, now(t, s).Add(-2*time.Minute)))
	wantVerdict(t, s, "a", memstore.Verdict{})
	keep(t, s, now(t, s))
	wantVerdict(t, s, "a", memstore.Verdict{Vouched: true})
	keep(t, s, now(t, s).Add(-2*time.Minute))
	wantVerdict(t, s, "a", memstore.Verdict{Vouched: true})
	keep(t, s, now(t, s).Add(time.Hour))
	wantVerdict(t, s, "a", memstore.Verdict{Vouched: true}) // not from the future
}

func stampsAfterALoss(t *testing.T, s server) {
	floor := time.Now().Add(24 * time.Hour).UnixMilli()
	r := revocation("a", time.Hour)
	r.Stamp = floor
	got, err := s.Revoke(t.Context(), r)
	testenv.Must(t, err)
	if got.Stamp != floor {
		t.Errorf("stamp %d before a vouch, want %d", got.Stamp, floor)
	}
	refill, err := s.BeginRefill(t.Context())
	testenv.Must(t, err)
	refill.Floor = floor + 1000
	testenv.Must(t, s.Vouch(t.Context(), refill, now(t, s)))
	r.ID, r.Stamp = "b", 2*floor
	if got, err = s.Revoke(t.Context(), r); err != nil || got.Stamp != refill.Floor {
		t.Errorf("stamp %d under a vouch, %v, want %d", got.Stamp, err, refill.Floor)
	}
	r.Scope, r.Tenant, r.ID = events.ScopeUser, "acme", "c"
	if got, err = s.Revoke(t.Context(), r); err != nil || got.Stamp != refill.Floor {
		t.Errorf("cutoff at %d, %v, want %d", got.Stamp, err, refill.Floor)
	}
	if told := keep(t, s, now(t, s)); told != refill.Floor+1 {
		t.Errorf("whoever keeps the vouch is told of %d, want %d", told, refill.Floor+1)
	}
}

func neverShortened(t *testing.T, s server) {
	long, short := revocation("a", time.Hour), revocation("a", time.Minute)
	testenv.Must(t, s.Apply(t.Context(), "", []events.Revocation{long, short}))
	if live := live(t, s); live["a"].ID != long.ID {
		t.Fatalf("live: %v", live)
	}
}

// What only the fake can do: fail over, lose acknowledgements, and tell on
// those who vouch for less than was committed.
func TestFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told int
		s := memstore.New(0, func(string, ...any) { told++ })
		c := s.Client(nil)
		first, second := revocation("a", time.Hour), revocation("b", 2*time.Hour)
		_, err := c.Revoke(t.Context(), first)
		testenv.Must(t, err)
		s.Owe(first.Key(), first.TTL())
		s.LoseAcks(1)
		if _, err := c.Revoke(t.Context(), second); !errors.Is(err, memstore.ErrDown) || !s.Holds(second.Key()) {
			t.Fatalf("lost acknowledgement: %v, held %t", err, s.Holds(second.Key()))
		}
		s.Failover(1)
		if !s.Holds(first.Key()) || s.Holds(second.Key()) || s.Unsettled() != 1 {
			t.Fatal("a failover loses the last write and no other")
		}
		time.Sleep(time.Second)
		vouch(t, c)
		if told != 0 {
			t.Fatal("told on an honest vouch")
		}
		s.Restart()
		vouch(t, c)
		if told != 1 {
			t.Fatal("a false vouch was not noticed")
		}
		time.Sleep(first.TTL())
		vouch(t, c)
		if told != 1 {
			t.Fatal("what has expired is not owed")
		}
	})
}

func vouch(t *testing.T, c commit.Store) {
	t.Helper()
	refill, err := c.BeginRefill(t.Context())
	testenv.Must(t, err)
	testenv.Must(t, c.Vouch(t.Context(), refill, now(t, c)))
}

// keep renews the vouch and returns the last stamp.
func keep(t *testing.T, s commit.Store, asOf time.Time) int64 {
	t.Helper()
	kept, err := s.KeepVouch(t.Context(), asOf)
	testenv.Must(t, err)
	return kept.Stamp
}

func now(t *testing.T, s commit.Store) time.Time {
	t.Helper()
	now, err := s.Now(t.Context())
	testenv.Must(t, err)
	return now
}

func wantVerdict(t *testing.T, s server, subject string, want memstore.Verdict) {
	t.Helper()
	got, err := s.lookup(time.Minute, revocation(subject, time.Hour).Key())
	if err != nil || got != want {
		t.Fatalf("verdict on %s: %+v, %v, want %+v", subject, got, err, want)
	}
}

func live(t *testing.T, s commit.Store) map[string]events.Revocation {
	t.Helper()
	found := map[string]events.Revocation{}
	for r, err := range s.Live(t.Context()) {
		testenv.Must(t, err)
		found[r.Subject] = r
	}
	return found
}

func revocation(subject string, ttl time.Duration) events.Revocation {
	return events.Revocation{
		ID: subject + ttl.String(), Scope: events.ScopeToken, Issuer: "https://issuer.test",
		Subject: subject, TTLMillis: ttl.Milliseconds(),
	}
}
