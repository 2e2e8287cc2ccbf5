package guard_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/fleet"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/token"
)

func TestCheckAnswersFromTheCopy(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(alone) // whatever it answers, it knows by itself
	testenv.Eventually(t, ceiling, n.Ready)
	first, second, other := m.token("s-1", "j-1", time.Hour), m.token("s-1", "j-2", time.Hour), m.token("s-2", "", time.Hour)
	id, err := n.Check(t.Context(), first)
	if err != nil || id.UserID != "u-1" || id.SessionID != "s-1" || id.TokenID != "j-1" || id.Tenant != "default" {
		t.Fatalf("%+v, %v", id, err)
	}
	n.want(t, second, nil)
	m.commit(events.ScopeToken, "j-1")
	n.eventually(t, first, guard.ErrRevoked)
	n.want(t, second, nil)
	m.commit(events.ScopeSession, "s-1")
	n.eventually(t, second, guard.ErrRevoked)
	n.want(t, other, nil)
	n.want(t, m.token("s-1", "", time.Hour), guard.ErrRevoked) // one it has never seen
	if s := n.Status(); s.State != "fresh" || s.Entries != 2 || s.Store != "down" || s.FreshAge < 0 || s.Epoch == "" {
		t.Errorf("status %+v", s)
	}
	if got := n.count(t, "curfew_decisions_total", "allowed", "local"); got < 4 {
		t.Errorf("%v allowed from the copy", got)
	}
}

// The ids of one scope or issuer mean nothing in another.
func TestIDsAreScoped(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(alone)
	testenv.Eventually(t, ceiling, n.Ready)
	m.commit(events.ScopeToken, "x")
	n.eventually(t, m.token("s", "x", time.Hour), guard.ErrRevoked)
	n.want(t, m.token("x", "j", time.Hour), nil)
}

func TestCheckRefusesWhatIsNoGoodToken(t *testing.T) {
	m, foreign := newMesh(t), newMesh(t)
	m.keep()
	n := m.node(nil)
	testenv.Eventually(t, ceiling, n.Ready)
	now := time.Now()
	otherAudience, err := m.keys.Mint(token.Claims{
		Issuer: issuer, Subject: "u", ID: "j", SessionID: "s", Tenant: "default", Region: m.region, Audience: []string{"other"},
		IssuedAt: now, ExpiresAt: now.Add(time.Hour), IssuedAtMillis: now.UnixMilli(),
	})
	testenv.Must(t, err)
	for name, c := range map[string]struct {
		raw    string
		err    error
		metric []string
	}{
		"nothing":        {"", guard.ErrMalformed, []string{"malformed", "token"}},
		"no token":       {"a.b", guard.ErrMalformed, []string{"malformed", "token"}},
		"other audience": {otherAudience, guard.ErrInvalid, []string{"invalid", "token"}},
		"foreign key":    {foreign.token("s", "", time.Hour), guard.ErrInvalid, []string{"invalid", "token"}},
		"expired":        {m.token("s", "", -time.Hour), guard.ErrExpired, []string{"expired", "token"}},
	} {
		before := n.count(t, "curfew_decisions_total", c.metric...)
		_, err := n.Check(t.Context(), c.raw)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
		if len(c.raw) > 10 && strings.Contains(err.Error(), c.raw[len(c.raw)-10:]) {
			t.Errorf("%s: the error quotes the token", name)
		}
		if n.count(t, "curfew_decisions_total", c.metric...) <= before {
			t.Errorf("%s: not counted", name)
		}
	}
}

// A token is verified once and remembered; its end is looked at every time.
func TestExpiresWhileRemembered(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(func(c *guard.Config) { c.Leeway = time.Nanosecond })
	testenv.Eventually(t, ceiling, n.Ready)
	raw := m.token("s", "", 4*time.Second)
	n.want(t, raw, nil)
	n.eventually(t, raw, guard.ErrExpired)
}

// A token that is remembered is refused once its key has been withdrawn.
func TestKeyWithdrawnWhileRemembered(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(nil)
	testenv.Eventually(t, ceiling, n.Ready)
	before := m.token("s", "", time.Hour)
	n.want(t, before, nil)
	n.want(t, before, nil)
	next, err := token.OpenKeyring(token.KeyringConfig{Dir: t.TempDir(), Create: true})
	testenv.Must(t, err)
	m.keys = next
	m.published.Store(next)
	n.eventually(t, m.token("s", "", time.Hour), nil) // its kid has the keys fetched
	n.want(t, before, guard.ErrInvalid)
}

func TestNotReadyBeforeTheKeys(t *testing.T) {
	m := newMesh(t)
	m.keep()
	m.withhold.Store(true)
	n := m.node(nil)
	testenv.Eventually(t, ceiling, func() error {
		if s := n.Status().State; s != "fresh" {
			return errors.New(s)
		}
		return nil
	})
	if err := n.Ready(); err == nil || !strings.Contains(err.Error(), "keys") {
		t.Fatalf("without keys: %v", err)
	}
	raw := m.token("s", "", time.Hour)
	n.want(t, raw, guard.ErrUnknown) // it may be a good one: 503, not 401
	m.withhold.Store(false)
	testenv.Eventually(t, ceiling, n.Ready)
	n.want(t, raw, nil)
}

// It has read the whole log, but nobody has said that this is all.
func TestNotReadyBeforeItIsFresh(t *testing.T) {
	m := newMesh(t)
	n := m.node(withoutStore)
	revoked, good := m.token("s-1", "", time.Hour), m.token("s-2", "", time.Hour)
	m.publish("s-1")
	n.eventually(t, revoked, guard.ErrRevoked) // a positive applies before that
	if err := n.Ready(); err == nil || !strings.Contains(err.Error(), "syncing") {
		t.Fatalf("before it was fresh: %v", err)
	}
	n.want(t, good, guard.ErrUnknown)
	m.keep()
	testenv.Eventually(t, ceiling, n.Ready)
	n.want(t, good, nil)
	m.nats.Stop()
	testenv.Eventually(t, ceiling, func() error {
		if s := n.Status().State; s != "stale" {
			return errors.New(s)
		}
		return nil
	})
	testenv.Must(t, n.Ready()) // it can still refuse, and ask a store
	n.want(t, good, guard.ErrUnknown)
	n.want(t, revoked, guard.ErrRevoked)
}

// publish appends a revocation to the log alone.
func (m *mesh) publish(sid string) {
	m.t.Helper()
	_, err := events.Publish(m.t.Context(), m.log, revocation(events.ScopeSession, sid))
	testenv.Must(m.t, err)
}

func revocation(scope events.Scope, subject string) events.Revocation {
	return events.Revocation{
		ID: "r-" + subject, Scope: scope, Issuer: issuer, Subject: subject, TTLMillis: time.Hour.Milliseconds(),
	}
}

// An entry that cannot be read may be about any token.
// Whoever asks for the first time when the log is away already hears the same.
func TestReadyThoughNobodyAskedInTime(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(nil)
	await := func(state string) {
		t.Helper()
		testenv.Eventually(t, ceiling, func() error {
			if s := n.Status().State; s != state {
				return errors.New(s)
			}
			return nil
		})
	}
	await("fresh")
	m.toNATS.Cut()
	await("stale")
	testenv.Eventually(t, ceiling, n.Ready) // the keys may come later
}

func TestUnreadableEntryPutsEveryMissInDoubt(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(withoutStore)
	testenv.Eventually(t, ceiling, n.Ready)
	good := m.token("s-1", "", time.Hour)
	n.want(t, good, nil)
	_, err := m.log.Append(t.Context(), events.Record{
		Kind: events.KindRevocation, Scope: "galaxy", Data: []byte(`{"id":"r","scope":"galaxy"}`), TTL: time.Hour,
	})
	testenv.Must(t, err)
	n.eventually(t, good, guard.ErrUnknown)
	if got := n.count(t, "curfew_unreadable_revocations_total"); got < 1 {
		t.Errorf("%v unreadable entries counted", got)
	}
	m.commit(events.ScopeSession, "s-1") // the log is still followed
	n.eventually(t, good, guard.ErrRevoked)
	n.want(t, m.token("s-2", "", time.Hour), guard.ErrUnknown)
}

// The store is asked only about what this version knows, so its word is not enough
// then, in whatever mode.
func TestUnreadableEntryIsNotLeftToTheStore(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(nil)
	testenv.Eventually(t, ceiling, n.Ready)
	m.login("s-1")
	good := m.token("s-1", "", time.Hour)
	n.eventuallyIn(t, guard.Strict, good, nil)
	_, err := m.log.Append(t.Context(), events.Record{
		Kind: events.KindRevocation, Scope: "galaxy", Data: []byte(`{"id":"r","scope":"galaxy"}`), TTL: time.Hour,
	})
	testenv.Must(t, err)
	m.commit(events.ScopeSession, "s-2")
	testenv.Eventually(t, ceiling, func() error {
		if !n.Holds(fleet.Entry{Scope: events.ScopeSession, Issuer: issuer, Subject: "s-2"}) {
			return errors.New("it has not read as far as that")
		}
		return nil
	})
	for _, mode := range []guard.Mode{guard.Local, guard.Strict} {
		testenv.Eventually(t, ceiling, func() error { // the store may not be vouched for, for a moment
			err := n.in(t, mode, good)
			if !errors.Is(err, guard.ErrUnknown) {
				t.Fatalf("%s: %v", mode, err)
			}
			if !strings.Contains(err.Error(), "this version cannot read") {
				return err
			}
			return nil
		})
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	good := guard.Config{ID: "e", NATSURL: "nats://127.0.0.1:1", Issuer: issuer, Audience: api}
	for name, spoil := range map[string]func(*guard.Config){
		"no id":       func(c *guard.Config) { c.ID = "" },
		"no nats":     func(c *guard.Config) { c.NATSURL = "" },
		"no issuer":   func(c *guard.Config) { c.Issuer = "" },
		"no audience": func(c *guard.Config) { c.Audience = "" },
		"dot in id":   func(c *guard.Config) { c.ID = "eu.1" },
		"id is wild":  func(c *guard.Config) { c.ID = "*" },
		"long id":     func(c *guard.Config) { c.ID = strings.Repeat("e", 65) },
		"bad url":     func(c *guard.Config) { c.URL = "http://u:secret@edge" },
		"bad redis":   func(c *guard.Config) { c.RedisURL = "redis://:secret@[" },
		"bad cache":   func(c *guard.Config) { c.CacheEntries = -1 },
		"bad bound":   func(c *guard.Config) { c.Staleness = -time.Second },
	} {
		cfg := good
		spoil(&cfg)
		g, err := guard.New(t.Context(), cfg)
		if err == nil {
			g.Close()
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error holds the password", name)
		}
	}
}

func TestClosedGuardKnowsNothing(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n := m.node(nil)
	testenv.Eventually(t, ceiling, n.Ready)
	raw := m.token("s", "", time.Hour)
	n.want(t, raw, nil)
	n.Close()
	n.eventually(t, raw, guard.ErrUnknown)
}
