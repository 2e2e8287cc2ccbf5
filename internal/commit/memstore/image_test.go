package memstore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/commit/memstore"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// vouchAt vouches for an image that is as old as age, by the clock that dated it.
func vouchAt(t *testing.T, s server, age, life time.Duration) commit.Refill {
	t.Helper()
	refill, err := s.BeginRefill(t.Context())
	testenv.Must(t, err)
	if !refill.FoundAt.IsZero() {
		refill.Reckoned = refill.FoundAt.Add(age)
	}
	refill.Life = life
	testenv.Must(t, s.Vouch(t.Context(), refill, now(t, s)))
	return refill
}

func oldImage(t *testing.T, s server) {
	vouch(t, s)
	for name, revive := range map[string]func(){
		"too old":     func() { vouchAt(t, s, time.Hour+time.Millisecond, time.Hour) },
		"undated":     func() { vouch(t, s) },
		"ahead of it": func() { vouchAt(t, s, -2*time.Minute, time.Hour) },
	} {
		over := s.login(time.Minute)
		s.restore()
		revive()
		if !over() {
			t.Errorf("%s: a session lives on", name)
		}
		late := s.login(time.Minute)
		s.restore()
		vouchAt(t, s, time.Minute, time.Hour)
		if late() || !over() {
			t.Errorf("%s: the next, young image: the old session is over %t, the new one %t", name, over(), late())
		}
	}
}

func youngImage(t *testing.T, s server) {
	vouch(t, s)
	over := s.login(time.Minute)
	for _, age := range []time.Duration{time.Hour, 0, -30 * time.Second} {
		s.restore()
		first := vouchAt(t, s, age, time.Hour)
		if over() {
			t.Errorf("over in an image of %s", age)
		}
		vouchAt(t, s, 2*time.Hour, time.Hour) // another issuer comes later, and judges nothing
		if kept, err := s.KeepVouch(t.Context(), now(t, s)); err != nil || kept.Vouch != first.Token || kept.Ended != 0 || over() {
			t.Errorf("%+v, %v, over %t", kept, err, over())
		}
	}
}

func withdrawn(t *testing.T, s server) {
	vouch(t, s)
	over := s.login(time.Minute)
	refill, err := s.BeginRefill(t.Context())
	testenv.Must(t, err)
	testenv.Must(t, s.Withdraw(t.Context(), "another"))
	keep(t, s, now(t, s))
	testenv.Must(t, s.Withdraw(t.Context(), refill.Incarnation))
	wantVerdict(t, s, "a", memstore.Verdict{})
	if err := s.Vouch(t.Context(), refill, now(t, s)); !errors.Is(err, commit.ErrRefillLost) {
		t.Fatalf("a refill from before vouches: %v", err)
	}
	vouchAt(t, s, time.Minute, time.Hour)
	keep(t, s, now(t, s))
	if over() {
		t.Error("a session has ended")
	}
}

func samePersists(t *testing.T, s server) {
	vouch(t, s)
	over := s.login(time.Minute)
	for n, back := range []bool{false, true} {
		seen := now(t, s)
		s.clock(time.Duration(n+1) * 2 * commit.MaxUnkept)
		if _, err := s.KeepVouch(t.Context(), now(t, s)); !errors.Is(err, commit.ErrUnvouched) {
			t.Fatalf("kept: %v", err)
		}
		refill, err := s.BeginRefill(t.Context())
		testenv.Must(t, err)
		refill.Reckoned, refill.Life = now(t, s), commit.MaxUnkept
		if back {
			refill.Seen = seen.Add(time.Second)
		}
		testenv.Must(t, s.Vouch(t.Context(), refill, now(t, s)))
		if over() != back {
			t.Errorf("over %t, put back %t", over(), back)
		}
	}
}

func leapt(t *testing.T, s server) {
	vouch(t, s)
	s.clock(2 * commit.MaxUnkept)
	for range 2 {
		if _, err := s.KeepVouch(t.Context(), now(t, s)); !errors.Is(err, commit.ErrUnvouched) {
			t.Fatalf("kept: %v", err)
		}
		wantVerdict(t, s, "a", memstore.Verdict{})
	}
	vouch(t, s)
	keep(t, s, now(t, s))
}

func outlivesTokens(t *testing.T, s server) {
	vouch(t, s)
	s.login(5 * time.Hour)
	s.login(time.Minute)
	got, err := s.Revoke(t.Context(), revocation("a", time.Hour))
	testenv.Must(t, err)
	if got.TTL() < 4*time.Hour+commit.Margin || got.TTL() > 5*time.Hour+commit.Margin {
		t.Errorf("lives for %s", got.TTL())
	}
	kept, err := s.KeepVouch(t.Context(), now(t, s))
	testenv.Must(t, err)
	s.wipe()
	refill, err := s.BeginRefill(t.Context())
	testenv.Must(t, err)
	refill.Furthest = kept.Furthest
	testenv.Must(t, s.Vouch(t.Context(), refill, now(t, s)))
	if again, err := s.Revoke(t.Context(), revocation("b", time.Hour)); err != nil || again.TTL() < 4*time.Hour || again.TTL() > got.TTL()+time.Second {
		t.Errorf("after a loss it lives for %s, %v", again.TTL(), err)
	}
}

func refillLengthens(t *testing.T, s server) {
	held := func(ahead time.Duration) bool {
		s.clock(ahead)
		v, err := s.lookup(time.Minute, revocation("a", time.Hour).Key())
		testenv.Must(t, err)
		return v.Revoked
	}
	for n, vouched := range []bool{false, true} {
		from := time.Duration(n) * 5 * time.Hour
		s.clock(from)
		if vouched {
			vouch(t, s)
		}
		for _, at := range []time.Duration{0, 40 * time.Minute} {
			s.clock(from + at)
			testenv.Must(t, s.Apply(t.Context(), "", []events.Revocation{revocation("a", time.Hour)}))
		}
		if held(from+80*time.Minute) == vouched {
			t.Errorf("vouched for %t, and its life was counted anew %t", vouched, !vouched)
		}
	}
}
