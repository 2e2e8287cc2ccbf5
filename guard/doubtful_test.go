package guard_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/token"
)

// beat commits one of an issuer whose clock is ahead of ours.
func (m *mesh) beat(id string, ahead time.Duration) {
	m.t.Helper()
	data, err := json.Marshal(events.Beat{By: events.RoleIssuer, ID: id, Nonce: uuid.NewString(), At: time.Now().Add(ahead).UnixMilli()})
	testenv.Must(m.t, err)
	_, err = m.log.Append(m.t.Context(), events.Record{Kind: events.KindBeat, Data: data, TTL: time.Hour})
	testenv.Must(m.t, err)
}

// A node whose wall clock is far behind an issuer's does not know whether a token
// has expired: whatever a mode rests on the log, it refuses, and says why.
func TestClockFarBehindRefuses(t *testing.T) {
	m := newMesh(t)
	m.keep()
	n, open := m.node(alone), m.node(func(c *guard.Config) { c.FailOpen = true })
	testenv.Eventually(t, ceiling, func() error { return errors.Join(n.Ready(), open.Ready()) })
	good, ended := m.token("s-1", "", time.Hour), m.token("s-2", "", time.Hour)
	live := n.connect(t, good, guard.Local)
	m.beat("wrong", 11*time.Minute)
	n.eventually(t, good, guard.ErrUnknown)
	if _, err := n.Check(t.Context(), good); !strings.Contains(fmt.Sprint(err), "11m0s behind the issuers") && !strings.Contains(fmt.Sprint(err), "10m59s behind the issuers") {
		t.Errorf("it does not say why: %v", err)
	}
	if err := n.in(t, guard.Strict, good); !strings.Contains(fmt.Sprint(err), "behind the issuers") {
		t.Errorf("strict: %v", err)
	}
	if err := n.in(t, guard.Stateless, good); err != nil {
		t.Errorf("stateless: %v", err)
	}
	if got := n.count(t, "curfew_clock_behind_seconds"); got < 600 {
		t.Errorf("%v seconds behind", got)
	}
	open.eventuallyIn(t, guard.Strict, good, guard.ErrUnknown)
	open.want(t, good, nil) // counted, and logged
	if open.count(t, "curfew_decisions_total", "allowed", "nobody") == 0 {
		t.Error("what passes unknown is not counted")
	}
	m.commit(events.ScopeSession, "s-2")
	n.eventually(t, ended, guard.ErrRevoked) // a positive always applies
	if live.Err() != nil {
		t.Error("a connection ended at once")
	}
	m.beat("wrong", 0)
	n.eventually(t, good, nil)
}

// A key is revoked for as long as this node trusts it, however long that is
// after others have forgotten it.
func TestRevokedKeyOfAnEdgeThatCannotFetchTheSet(t *testing.T) {
	m, p := newMesh(t), newProvider(t)
	m.keep()
	n := m.node(trusting(p))
	testenv.Eventually(t, ceiling, n.Ready)
	ours, theirs := m.token("s-1", "", time.Hour), p.token(nil)
	n.eventually(t, ours, nil)
	n.eventually(t, theirs, nil)
	m.withhold.Store(true)
	p.Broken.Store(true)
	for iss, kid := range map[string]string{issuer: m.keys.SigningKeyID(), p.URL: "k-1"} {
		r := revocation(events.ScopeKey, kid)
		r.Issuer, r.TTLMillis = iss, 1000
		_, err := events.Publish(t.Context(), m.log, r)
		testenv.Must(t, err)
	}
	n.eventually(t, ours, guard.ErrRevoked)
	n.eventually(t, theirs, guard.ErrRevoked)
	testenv.Eventually(t, ceiling, func() error { // ours has left log and copy; theirs is kept for longer
		if got := n.Status().Entries; got > 1 {
			return fmt.Errorf("%d entries", got)
		}
		return nil
	})
	for _, mode := range []guard.Mode{guard.Local, guard.Strict} {
		for _, raw := range []string{ours, theirs, m.token("s-9", "", time.Hour), p.token(claims{"jti": "j-9"})} {
			if err := n.in(t, mode, raw); !errors.Is(err, guard.ErrRevoked) {
				t.Errorf("%v: %v", mode, err)
			}
		}
	}
	if n.RevokedKeys() != 2 {
		t.Errorf("%d keys are remembered", n.RevokedKeys())
	}
}

// What is revoked of another region's tokens is in another log.
func TestTokenOfAnotherRegion(t *testing.T) {
	m, p := newMesh(t), newProvider(t)
	m.keep()
	n := m.node(trusting(p))
	testenv.Eventually(t, ceiling, n.Ready)
	n.want(t, m.token("s-1", "", time.Hour), nil)
	n.eventually(t, p.token(nil), nil) // others know no regions
	now := time.Now()
	for _, region := range []string{"", "eu", "Local", "local "} {
		raw, err := m.keys.Mint(token.Claims{
			Issuer: issuer, Subject: "u-1", ID: uuid.NewString(), SessionID: "s-1", Tenant: "default", Region: region, Audience: []string{api},
			IssuedAt: now, ExpiresAt: now.Add(time.Hour), IssuedAtMillis: now.UnixMilli(),
		})
		testenv.Must(t, err)
		for _, mode := range []guard.Mode{guard.Local, guard.Strict, guard.Stateless} {
			for range 2 { // the second time it might be remembered
				if err := n.in(t, mode, raw); !errors.Is(err, guard.ErrInvalid) {
					t.Errorf("region %q, %v: %v", region, mode, err)
				}
			}
		}
	}
}

// The issuers go by a smaller bound: connections and the copy do too, from then
// on.
func TestSmallerBoundOfTheIssuers(t *testing.T) {
	m := newMesh(t)
	m.keep()
	// It would look for connections that are overdue after longer than this test.
	n := m.node(func(c *guard.Config) { c.Staleness = 4*time.Minute + 50*time.Second })
	testenv.Eventually(t, ceiling, n.Ready)
	raw := m.token("s-1", "", time.Hour)
	live := n.connect(t, raw, guard.Local)
	m.toNATS.Cut()
	m.toRedis.Cut()
	n.want(t, raw, nil)
	n.Limit(time.Second)
	if got := n.Bound(); got != time.Second {
		t.Errorf("goes by %s", got)
	}
	n.eventually(t, raw, guard.ErrUnknown)
	live.endsWith(t, guard.ErrUnknown)
}
