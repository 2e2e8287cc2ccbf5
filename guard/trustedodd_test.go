package guard_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// A token that is stamped ahead by more than clock_skew would slip under the
// cutoff of its user, and outlive every revocation. No edge takes it, before or
// after.
func TestTrustedTokensStampedAhead(t *testing.T) {
	m, p := newMesh(t), newProvider(t)
	m.keep()
	nodes := []*node{m.node(trusting(p)), m.node(func(c *guard.Config) { trusting(p)(c); c.ID, c.Leeway = "edge-2", 4*time.Minute })}
	ahead := func(d time.Duration) string {
		now := time.Now()
		return p.token(claims{"jti": nil, "iat": now.Add(d).Unix(), "exp": now.Add(d + 10*time.Minute).Unix()})
	}
	refused := map[string]string{"2m": ahead(2 * time.Minute), "9m": ahead(9 * time.Minute), "1m": ahead(time.Minute)}
	check := func(when string) {
		t.Helper()
		for name, raw := range refused {
			for i, n := range nodes {
				if _, err := n.Check(t.Context(), raw); !errors.Is(err, guard.ErrInvalid) {
					t.Errorf("%s ahead, %s, edge %d: %v", name, when, i, err)
				}
			}
		}
	}
	good := p.token(claims{"jti": nil})
	for _, n := range nodes {
		n.eventually(t, good, nil)
	}
	check("before")
	m.revokeOf(p.URL, events.Revocation{Scope: events.ScopeUser, Tenant: "default", Subject: "u-1"})
	for _, n := range nodes {
		n.eventually(t, good, guard.ErrRevoked)
	}
	check("after")
}

func TestOddTrustedTokens(t *testing.T) {
	m, p := newMesh(t), newProvider(t)
	m.keep()
	n := m.node(trusting(p))
	n.eventually(t, p.token(nil), nil)
	in := func(d time.Duration) string { return strconv.FormatInt(time.Now().Add(d).Unix(), 10) }
	for name, c := range map[string]claims{
		"exp a string": {"exp": in(time.Minute)}, "iat a string": {"iat": in(0)}, "nbf a string": {"nbf": in(0)},
		"nbf beyond time": {"nbf": 1e300}, "no sub": {"sub": nil}, "an empty sub": {"sub": ""}, "sub a number": {"sub": 7},
		"half a pair in sub": {"sub": json.RawMessage(`"\ud800"`)}, "half a pair in a role": {"realm_access": json.RawMessage(`{"roles":["\ud800"]}`)},
		"sid a number": {"sid": 1}, "aud with a number": {"aud": []any{api, 1}},
	} {
		if _, err := n.Check(t.Context(), p.token(c)); !errors.Is(err, guard.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The Curfew issuer's max_lifetime or clock_skew is less than this node's, so
// that a revocation would end before the tokens that it covers: the node keeps
// it for as long as it needs, and says so, once.
func TestTrustedSettingsDiffer(t *testing.T) {
	m, p := newMesh(t), newProvider(t)
	m.keep()
	log := &testenv.Lines{}
	n := m.node(func(c *guard.Config) {
		trusting(p)(c)
		c.TrustedIssuers[0].MaxLifetime, c.TrustedIssuers[0].ClockSkew = 5*time.Minute, 5*time.Second
		c.Log = slog.New(slog.NewTextHandler(log, nil))
	})
	const enough = 5*time.Minute + 5*time.Second + 19*time.Minute
	raw := p.token(claims{"exp": time.Now().Unix() + 299})
	n.eventually(t, raw, nil)
	for i, life := range []time.Duration{enough, enough + time.Hour, enough - time.Millisecond, time.Second} {
		id := "x-" + strconv.Itoa(i)
		// The store may lengthen a life, so it is left out.
		r := events.Revocation{ID: id, Scope: events.ScopeToken, Subject: id, Issuer: p.URL, TTLMillis: life.Milliseconds()}
		_, err := events.Publish(t.Context(), m.log, r)
		testenv.Must(t, err)
		n.eventually(t, p.token(claims{"jti": id, "exp": time.Now().Unix() + 299}), guard.ErrRevoked)
		testenv.Eventually(t, ceiling, func() error { // the store may have told before the log
			if got, want := log.Count("trusted_issuers"), min(max(0, i-1), 1); got != want {
				return fmt.Errorf("after a life of %v: %d complaints, want %d", life, got, want)
			}
			return nil
		})
	}
	if got := n.LifeOf(events.Revocation{Issuer: p.URL, TTLMillis: 1}); got != enough {
		t.Errorf("kept for %v, want %v", got, enough)
	}
	if got := n.LifeOf(events.Revocation{Issuer: issuer, TTLMillis: 1}); got != time.Millisecond {
		t.Errorf("ours is kept for %v", got)
	}
}
