package guard_test

import (
	"errors"
	"reflect"
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
		Issuer: p.URL, UserID: "u-1", SessionID: "s-1", Tenant: "acme", Roles: []string{"admin"}, Scope: "read", TokenID: "j-1",
	}
	if err != nil || !reflect.DeepEqual(id, want) {
		t.Errorf("%+v, %v, want %+v", id, err, want)
	}
	for name, c := range map[string]claims{
		"ID token": {"nonce": "n"}, "another audience": {"aud": "x"}, "too long": {"exp": time.Now().Unix() + 3700}, "ids missing": {"jti": nil, "sid": nil, "sub": nil},
		"unknown issuer": {"iss": p.URL + "/"}, "our issuer": {"iss": issuer},
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
			a.Rotate(kid)
			b.Rotate(kid)
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
			of := map[string]string{issuer: m.token("s-1", "j-1", time.Hour), a.URL: a.token(nil), b.URL: b.token(nil)}
			for _, revoked := range []string{a.URL, issuer, b.URL} {
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
		"of a, by b": a.SignedBy(b.Key(), usual(nil)), "of b, by a": b.SignedBy(a.Key(), usual(nil)),
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
	a.Broken.Store(true)
	m.keep()
	n := m.node(trusting(a, b))
	testenv.Eventually(t, ceiling, n.Ready) // does not wait for a
	n.eventually(t, b.token(nil), nil)
	n.eventually(t, m.token("s", "", time.Hour), nil)
	first := a.token(nil)
	n.want(t, first, guard.ErrUnknown)
	a.Broken.Store(false)
	n.eventually(t, first, nil)

	a.Broken.Store(true)
	n.want(t, first, nil)                         // the keys are kept
	n.want(t, a.token(claims{"jti": "j-2"}), nil) // and good for new tokens
	a.Rotate("k-2")
	next := a.token(nil)
	n.eventually(t, next, guard.ErrUnknown) // not at once: for two seconds the last set counts
	n.want(t, b.token(claims{"jti": "j-2"}), nil)
	a.Broken.Store(false)
	n.eventually(t, next, nil)
	n.want(t, a.SignedBy(b.Key(), usual(claims{"jti": "j-3"})), guard.ErrInvalid)
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
	m.revokeOf(p.URL, events.Revocation{Scope: events.ScopeUser, Tenant: "default", Subject: "u-1"})
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
	m.revokeOf(p.URL, events.Revocation{Scope: events.ScopeSession, Subject: "s-1"})
	n.eventuallyIn(t, guard.Strict, raw, guard.ErrRevoked)
}

func TestTrustedConnectionEndsWithItsSession(t *testing.T) {
	m, a, b := newMesh(t), newProvider(t), newProvider(t)
	m.keep()
	n := m.node(func(c *guard.Config) { trusting(a, b)(c); c.Staleness = 4 * time.Minute })
	testenv.Eventually(t, ceiling, n.Ready)
	bySession, byUser := n.connect(t, a.token(claims{"jti": nil}), guard.Local), n.connect(t, a.token(claims{"jti": nil, "sid": nil, "sub": "u-2"}), guard.Local)
	other := n.connect(t, b.token(nil), guard.Local)
	m.revokeOf(a.URL, events.Revocation{Scope: events.ScopeSession, Subject: "s-1"})
	bySession.endsWith(t, guard.ErrRevoked)
	m.revokeOf(a.URL, events.Revocation{Scope: events.ScopeUser, Tenant: "default", Subject: "u-2"})
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
