package guard_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// revokeOf commits a revocation of an issuer's tokens.
func (m *mesh) revokeOf(issuer string, r events.Revocation) {
	m.t.Helper()
	r.Issuer, r.TTLMillis = issuer, time.Hour.Milliseconds()
	got, err := m.committer.Commit(m.t.Context(), r)
	if err != nil || !got.Committed {
		m.t.Fatalf("not committed: %+v, %v", got, err)
	}
}

func TestTrustedIdentity(t *testing.T) {
	m, p := newMesh(t), newProvider(t)
	m.keep()
	n := m.node(trusting(p))
	raw := p.token(claims{"org": "acme"})
	n.eventually(t, raw, nil)
	id, err := n.Check(t.Context(), raw)
	id.ExpiresAt = time.Time{}
	want := guard.Identity{
		Issuer: p.url, UserID: "u-1", SessionID: "s-1", Tenant: "acme", Roles: []string{"admin"}, Scope: "read", TokenID: "j-1",
	}
	if err != nil || !reflect.DeepEqual(id, want) {
		t.Errorf("%+v, %v, want %+v", id, err, want)
	}
	for name, c := range map[string]claims{
		"ID token": {"nonce": "n"}, "another audience": {"aud": "x"}, "too long": {"exp": time.Now().Unix() + 3700}, "ids missing": {"jti": nil, "sid": nil, "sub": nil},
		"unknown issuer": {"iss": p.url + "/"}, "our issuer": {"iss": issuer},
	} {
		if _, err := n.Check(t.Context(), p.token(c)); !errors.Is(err, guard.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := n.Check(t.Context(), p.token(claims{"exp": time.Now().Unix() - 10})); !errors.Is(err, guard.ErrExpired) {
		t.Errorf("expired: %v", err)
	}
}

// Three issuers use the same kid, jti, sid, user and tenant. What is revoked of
// one does not touch the others, whether the copy knows or the store is asked.
func TestIssuersAreKeptApart(t *testing.T) {
	for name, r := range map[string]events.Revocation{
		"token":           {Scope: events.ScopeToken, Subject: "j-1"},
		"session":         {Scope: events.ScopeSession, Subject: "s-1"},
		"user":            {Scope: events.ScopeUser, Tenant: "default", Subject: "u-1"},
		"user to refresh": {Scope: events.ScopeUser, Tenant: "default", Subject: "u-1", Mode: events.ModeRefresh},
		"tenant":          {Scope: events.ScopeTenant, Subject: "default"},
		"all":             {Scope: events.ScopeAll, Subject: events.Everybody},
		"key":             {Scope: events.ScopeKey, Subject: "k-1"},
	} {
		t.Run(name, func(t *testing.T) {
			m, a, b := newMesh(t), newProvider(t), newProvider(t)
			kid := m.keys.SigningKeyID()
			a.rotate(kid)
			b.rotate(kid)
			if r.Scope == events.ScopeKey {
				r.Subject = kid
			}
			want := guard.ErrRevoked
			if r.Mode == events.ModeRefresh {
				want = guard.ErrRefreshRequired
			}
			m.keep()
			byStore := m.node(func(c *guard.Config) { trusting(a, b)(c); c.NATSURL = "nats://127.0.0.1:1" })
			byCopy := m.node(func(c *guard.Config) { trusting(a, b)(c); c.RedisURL = "" })
			of := map[string]string{issuer: m.token("s-1", "j-1", time.Hour), a.url: a.token(nil), b.url: b.token(nil)}
			for _, revoked := range []string{a.url, issuer, b.url} {
				for _, raw := range of {
					byStore.eventually(t, raw, nil)
					byCopy.eventually(t, raw, nil)
				}
				m.revokeOf(revoked, r)
				byStore.eventually(t, of[revoked], want)
				byCopy.eventually(t, of[revoked], want)
				delete(of, revoked)
			}
		})
	}
}

// A key of one issuer signs nothing for another, though the kid is the same.
func TestTrustedKeysAreKeptApart(t *testing.T) {
	m, a, b := newMesh(t), newProvider(t), newProvider(t)
	m.keep()
	n := m.node(trusting(a, b))
	n.eventually(t, a.token(nil), nil)
	n.eventually(t, b.token(nil), nil)
	for name, raw := range map[string]string{
		"of a, by b": a.signedBy(b.key.Load().private, nil), "of b, by a": b.signedBy(a.key.Load().private, nil),
		"of ours, by a": a.token(claims{"iss": issuer, "sid": "s", "iat_ms": time.Now().UnixMilli(), "tid": "default"}),
	} {
		if _, err := n.Check(t.Context(), raw); !errors.Is(err, guard.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The keys of one issuer cannot be had: its tokens cannot be judged, and nobody
// else's are touched.
func TestTrustedKeysUnavailable(t *testing.T) {
	m, a, b := newMesh(t), newProvider(t), newProvider(t)
	a.broken.Store(true)
	m.keep()
	n := m.node(trusting(a, b))
	testenv.Eventually(t, ceiling, n.Ready) // does not wait for a
	n.eventually(t, b.token(nil), nil)
	n.eventually(t, m.token("s", "", time.Hour), nil)
	first := a.token(nil)
	n.want(t, first, guard.ErrUnknown)
	a.broken.Store(false)
	n.eventually(t, first, nil)

	a.broken.Store(true)
	n.want(t, first, nil)                         // the keys are kept
	n.want(t, a.token(claims{"jti": "j-2"}), nil) // and good for new tokens
	a.rotate("k-2")
	next := a.token(nil)
	n.want(t, next, guard.ErrUnknown)
	n.want(t, b.token(claims{"jti": "j-2"}), nil)
	a.broken.Store(false)
	n.eventually(t, next, nil)
	n.want(t, a.signedBy(b.key.Load().private, claims{"jti": "j-3"}), guard.ErrInvalid)
}

// Other issuers tell whole seconds by a clock that is not the store's. A token
// that may be from before a cutoff is covered by it.
func TestCutoffOfTrustedTokens(t *testing.T) {
	m, p := newMesh(t), newProvider(t)
	m.keep()
	n := m.node(trusting(p))
	iat := func(d time.Duration) string {
		return p.token(claims{"iat": time.Now().Add(d).Unix(), "jti": uuid.NewString()})
	}
	before, without := iat(-time.Minute), p.token(claims{"iat": nil, "jti": uuid.NewString()})
	n.eventually(t, before, nil)
	n.eventually(t, without, nil)
	sameSecond, ahead := iat(0), iat(3*time.Second) // now: the cutoff does not come any earlier
	m.revokeOf(p.url, events.Revocation{Scope: events.ScopeUser, Tenant: "default", Subject: "u-1"})
	n.eventually(t, before, guard.ErrRevoked)
	for name, raw := range map[string]string{
		"without iat": without, "in the same second": sameSecond, "by a clock that may be ahead": ahead,
	} {
		if _, err := n.Check(t.Context(), raw); !errors.Is(err, guard.ErrRevoked) {
			t.Errorf("%s: %v", name, err)
		}
	}
	n.want(t, p.token(claims{"sub": "u-2", "jti": "j-2"}), nil)
	testenv.Eventually(t, ceiling, func() error { // once clock_skew has passed
		_, err := n.Check(t.Context(), iat(0))
		return err
	})
}

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
	m.revokeOf(p.url, events.Revocation{Scope: events.ScopeUser, Tenant: "default", Subject: "u-1"})
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
	log := &logged{}
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
		r := events.Revocation{Scope: events.ScopeToken, Subject: id, Issuer: p.url, TTLMillis: life.Milliseconds()}
		_, err := m.committer.Commit(t.Context(), r)
		testenv.Must(t, err)
		n.eventually(t, p.token(claims{"jti": id, "exp": time.Now().Unix() + 299}), guard.ErrRevoked)
		if got, want := log.count("trusted_issuers"), min(max(0, i-1), 1); got != want {
			t.Errorf("after a life of %v: %d complaints, want %d", life, got, want)
		}
	}
	if got := n.LifeOf(events.Revocation{Issuer: p.url, TTLMillis: 1}); got != enough {
		t.Errorf("kept for %v, want %v", got, enough)
	}
	if got := n.LifeOf(events.Revocation{Issuer: issuer, TTLMillis: 1}); got != time.Millisecond {
		t.Errorf("ours is kept for %v", got)
	}
}

// logged counts what is logged.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), s)
}

// The store has none of their sessions: strict asks it what is revoked, each
// time, and lets nothing pass unknown.
func TestStrictWithTrustedTokens(t *testing.T) {
	m, p := newMesh(t), newProvider(t)
	m.keep()
	n := m.node(func(c *guard.Config) { trusting(p)(c); c.FailOpen = true })
	raw := p.token(nil)
	n.eventuallyIn(t, guard.Strict, raw, nil)
	n.eventuallyIn(t, guard.Strict, m.token("s-1", "", time.Hour), guard.ErrRevoked) // ours are to exist
	m.toRedis.Cut()
	n.eventuallyIn(t, guard.Strict, raw, guard.ErrUnknown)
	testenv.Must(t, m.toRedis.Heal())
	n.eventuallyIn(t, guard.Strict, raw, nil)
	m.revokeOf(p.url, events.Revocation{Scope: events.ScopeSession, Subject: "s-1"})
	n.eventuallyIn(t, guard.Strict, raw, guard.ErrRevoked)
}

func TestTrustedConnectionEndsWithItsSession(t *testing.T) {
	m, a, b := newMesh(t), newProvider(t), newProvider(t)
	m.keep()
	n := m.node(func(c *guard.Config) { trusting(a, b)(c); c.Staleness = 4 * time.Minute })
	testenv.Eventually(t, ceiling, n.Ready)
	bySession, byUser := n.connect(t, a.token(claims{"jti": nil}), guard.Local), n.connect(t, a.token(claims{"jti": nil, "sid": nil, "sub": "u-2"}), guard.Local)
	other := n.connect(t, b.token(nil), guard.Local)
	m.revokeOf(a.url, events.Revocation{Scope: events.ScopeSession, Subject: "s-1"})
	bySession.endsWith(t, guard.ErrRevoked)
	m.revokeOf(a.url, events.Revocation{Scope: events.ScopeUser, Tenant: "default", Subject: "u-2"})
	byUser.endsWith(t, guard.ErrRevoked)
	if other.Err() != nil {
		t.Errorf("another issuer's connection ended: %v", other.Err())
	}
}

func TestBadTrustedIssuer(t *testing.T) {
	cfg := guard.Config{ID: "x", NATSURL: "nats://127.0.0.1:1", Issuer: issuer, Audience: api}
	for name, bad := range map[string]guard.TrustedIssuer{
		"nothing": {}, "no audience": {Issuer: "https://x.example", MaxLifetime: time.Hour}, "no lifetime": {Issuer: "https://x.example", Audience: api},
		"ours":     {Issuer: issuer, Audience: api, MaxLifetime: time.Hour},
		"for long": {Issuer: "https://x.example", Audience: api, MaxLifetime: 31 * 24 * time.Hour}, "far ahead": {Issuer: "https://x.example", Audience: api, MaxLifetime: time.Hour, ClockSkew: time.Hour},
	} {
		cfg.TrustedIssuers = []guard.TrustedIssuer{bad}
		if g, err := guard.New(t.Context(), cfg); err == nil {
			g.Close()
			t.Errorf("%s is accepted", name)
		}
	}
}
