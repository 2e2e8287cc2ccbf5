package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/redisstore"
)

func revocationTests() []test {
	return []test{
		{"a revocation is held, listed and in the outbox", revocationIsHeld},
		{"a malformed revocation is refused", malformedIsRefused},
		{"a revocation expires", revocationExpires},
		{"a revocation is never shortened", neverShortened},
		{"repeating a revocation does not lengthen it", replayKeepsLife},
		{"settling takes entries out of the outbox", settles},
		{"the outbox answers up to its limit", outboxLimit},
		{"an outbox entry of a newer version stays", outboxUnread},
		{"all of several pages is listed", livePages},
		{"a positive applies unvouched", positiveApplies},
		{"a lookup is bounded", lookupBounded},
	}
}

func revocationIsHeld(t *testing.T, r *room) {
	want := revocation(events.ScopeToken, `j"t`+"\n i", hour)
	equal(t, "before", r.ask(t, want, hour), redisstore.Verdict{Vouched: true})
	before := time.Now().Add(-time.Second).UnixMilli()
	got, err := r.store.Revoke(t.Context(), want)
	must(t, err)
	if got.Stamp < before || got.Incarnation == "" || strings.Contains(got.Incarnation, " ") {
		t.Fatalf("stamp %d, incarnation %q", got.Stamp, got.Incarnation)
	}
	want.Stamp, want.Incarnation = got.Stamp, got.Incarnation
	equal(t, "returned", got, want)
	equal(t, "after", r.ask(t, want, hour), redisstore.Verdict{Revoked: true, Vouched: true})
	equal(t, "live", r.live(t)[want.Subject], want)
	out, err := r.store.Outbox(t.Context(), 10)
	must(t, err)
	equal(t, "entries in the outbox", len(out), 1)
	equal(t, "outbox", out[0], want)
	_, err = r.store.Revoke(t.Context(), want)
	must(t, err)
	equal(t, "live after a repetition", len(r.live(t)), 1)
}

func malformedIsRefused(t *testing.T, r *room) {
	good := revocation(events.ScopeToken, "x", hour)
	for name, spoil := range map[string]func(*events.Revocation){
		"scope":   func(v *events.Revocation) { v.Scope = "galaxy" },
		"subject": func(v *events.Revocation) { v.Subject = strings.Repeat("x", events.MaxSubject+1) },
		"ttl":     func(v *events.Revocation) { v.TTLMillis = 0 },
		"id":      func(v *events.Revocation) { v.ID = "" },
	} {
		bad := good
		spoil(&bad)
		_, err := r.store.Revoke(t.Context(), bad)
		wantError(t, name, err, events.ErrBadRevocation)
	}
	equal(t, "live", len(r.live(t)), 0)
}

func revocationExpires(t *testing.T, r *room) {
	short, err := r.store.Revoke(t.Context(), revocation(events.ScopeToken, "short", 30*time.Millisecond))
	must(t, err)
	_, err = r.store.Revoke(t.Context(), revocation(events.ScopeToken, "long", hour))
	must(t, err)
	eventually(t, "the short one is gone", func() bool { return !r.ask(t, short, hour).Revoked })
	if live := r.live(t); len(live) != 1 || live["long"].Subject == "" {
		t.Fatalf("live: %v", live)
	}
	eventually(t, "the index is trimmed", func() bool {
		_, err := r.store.Revoke(t.Context(), revocation(events.ScopeToken, "long", hour))
		must(t, err)
		n, err := r.rdb.ZCard(t.Context(), r.prefix+"revs").Result()
		must(t, err)
		return n == 1
	})
}

func neverShortened(t *testing.T, r *room) {
	first, err := r.store.Revoke(t.Context(), revocation(events.ScopeToken, "x", hour))
	must(t, err)
	_, err = r.store.Revoke(t.Context(), revocation(events.ScopeToken, "x", time.Minute))
	must(t, err)
	if d := r.ttl(t, first); d < hour-time.Minute {
		t.Fatalf("shortened to %v", d)
	}
	equal(t, "the longer one", r.live(t)["x"].ID, first.ID)
	third, err := r.store.Revoke(t.Context(), revocation(events.ScopeToken, "x", 2*hour))
	must(t, err)
	if d := r.ttl(t, first); d < 2*hour-time.Minute {
		t.Fatalf("not lengthened: %v", d)
	}
	equal(t, "the longest one", r.live(t)["x"].ID, third.ID)
}

func replayKeepsLife(t *testing.T, r *room) {
	rev, err := r.store.Revoke(t.Context(), revocation(events.ScopeToken, "x", hour))
	must(t, err)
	must(t, r.rdb.PExpire(t.Context(), r.prefix+"rev:"+rev.Key(), time.Minute).Err())
	must(t, r.store.Apply(t.Context(), "", []events.Revocation{rev}))
	if d := r.ttl(t, rev); d > time.Minute {
		t.Fatalf("a replay lengthened it to %v", d)
	}
}

func settles(t *testing.T, r *room) {
	a, err := r.store.Revoke(t.Context(), revocation(events.ScopeToken, "a", hour))
	must(t, err)
	b, err := r.store.Revoke(t.Context(), revocation(events.ScopeToken, "b", hour))
	must(t, err)
	settled := func(want int, rs ...events.Revocation) {
		t.Helper()
		n, err := r.store.Settle(t.Context(), rs...)
		must(t, err)
		equal(t, "settled", n, want)
	}
	settled(0)
	for n := range 2 {
		settled(1-n, a, events.Revocation{ID: "unknown"})
	}
	out, err := r.store.Outbox(t.Context(), 10)
	must(t, err)
	if len(out) != 1 || out[0] != b {
		t.Fatalf("outbox: %v", out)
	}
	equal(t, "settled is still revoked", r.ask(t, a, hour).Revoked, true)
}

func outboxLimit(t *testing.T, r *room) {
	for range 7 {
		_, err := r.store.Revoke(t.Context(), revocation(events.ScopeToken, "x", hour))
		must(t, err)
	}
	for limit, want := range map[int]int{3: 3, 100: 7} {
		out, err := r.store.Outbox(t.Context(), limit)
		must(t, err)
		equal(t, "entries", len(out), want)
	}
}

func outboxUnread(t *testing.T, r *room) {
	newer := `1 - {"id":"n","scope":"galaxy","iss":"i","sub":"s","ttl_ms":1}`
	must(t, r.rdb.HSet(t.Context(), r.prefix+"outbox", "n", newer).Err())
	known, err := r.store.Revoke(t.Context(), revocation(events.ScopeToken, "x", hour))
	must(t, err)
	out, err := r.store.Outbox(t.Context(), 10)
	wantError(t, "outbox", err, events.ErrBadRevocation)
	if len(out) != 1 || out[0] != known {
		t.Fatalf("outbox: %v", out)
	}
}

func livePages(t *testing.T, r *room) {
	const n = 1201
	batch := make([]events.Revocation, n)
	for i := range batch {
		batch[i] = revocation(events.ScopeToken, strings.Repeat("x", i%500)+string(rune('a'+i/500)), hour)
	}
	must(t, r.store.Apply(t.Context(), "", batch))
	equal(t, "live", len(r.live(t)), n)
	// One that cannot be read does not hide the rest.
	must(t, r.rdb.Set(t.Context(), r.prefix+"rev:"+batch[0].Key(), "junk", hour).Err())
	good, bad := 0, 0
	for _, err := range r.store.Live(t.Context()) {
		if errors.Is(err, events.ErrBadRevocation) {
			bad++
		} else {
			must(t, err)
			good++
		}
	}
	equal(t, "readable", good, n-1)
	equal(t, "unreadable", bad, 1)
	for range r.store.Live(t.Context()) {
		break // stopping early is allowed
	}
}

func positiveApplies(t *testing.T, r *room) {
	must(t, r.rdb.Del(t.Context(), r.prefix+"vouch").Err())
	rev, err := r.store.Revoke(t.Context(), revocation(events.ScopeToken, "x", hour))
	must(t, err)
	equal(t, "verdict", r.ask(t, rev, hour), redisstore.Verdict{Revoked: true})
}

func lookupBounded(t *testing.T, r *room) {
	for _, n := range []int{0, 65} {
		if _, err := r.lookup.Lookup(t.Context(), redisstore.Question{IDs: make([]string, n)}, hour); err == nil {
			t.Fatalf("%d keys were accepted", n)
		}
	}
}
