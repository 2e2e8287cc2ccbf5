package issuer_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/issuer"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// An issuer may be told no more of a trusted one than how long its tokens live.
// It cannot tell then which tokens the edges accept.
func TestRevokeOfAnIssuerHardlyKnown(t *testing.T) {
	p := newProvider(t)
	b := start(t, func(c *config.Issuer) {
		c.TrustedIssuers = config.TrustedIssuers{{Issuer: p.URL, JWKSURL: p.URL, MaxLifetime: time.Hour}}
	})
	b.post(t, "/oauth2/revoke", "", "token", p.token(nil)).wantError(t, "theirs", http.StatusBadRequest, "unsupported_token_type")
	b.post(t, "/oauth2/revoke", "", "token", p.token(map[string]any{"iss": "x"})).want(t, "another's", http.StatusOK, "")
	b.revoke(t, `{"issuer":"`+p.URL+`","scope":"token","id":"j"}`).want(t, "by an admin", http.StatusOK, "")
	if r := b.published(t, events.ScopeToken); r.TTL() != time.Hour+5*time.Second+19*time.Minute {
		t.Errorf("it lives for %v", r.TTL())
	}
}

// While the keys of a trusted issuer cannot be had, nobody knows whether a token
// is one of theirs: 200 would claim that it is none.
func TestRevokeWithoutTheirKeys(t *testing.T) {
	p := newProvider(t)
	p.Broken.Store(true)
	b := start(t, func(c *config.Issuer) { c.TrustedIssuers = p.trusted() })
	raw := p.token(nil)
	b.post(t, "/oauth2/revoke", "", "token", raw).wantError(t, "without keys", http.StatusServiceUnavailable, "temporarily_unavailable")
	p.Broken.Store(false)
	b.awaitKeys(t, p)
	b.post(t, "/oauth2/revoke", "", "token", raw).want(t, "with keys", http.StatusOK, "")
	if got := b.held(t, raw); got != "token" {
		t.Errorf("the store holds %q", got)
	}
}

// An edge may have a key that was published a moment ago, while the issuer, asked
// for it just before, does not look again at once. It must not say that the token
// is nobody's.
func TestRevokeWithAKeyJustPublished(t *testing.T) {
	p := newProvider(t)
	p.Hidden.Store(true)
	b := start(t, func(c *config.Issuer) { c.TrustedIssuers = p.trusted() })
	raw := p.token(nil)
	testenv.Eventually(t, patience, func() error { // once it was found that there is no such key
		if a := b.post(t, "/oauth2/revoke", "", "token", raw); a.status != http.StatusOK {
			return errStatus(a.status)
		}
		return nil
	})
	p.Hidden.Store(false)
	testenv.Eventually(t, patience, func() error {
		a := b.post(t, "/oauth2/revoke", "", "token", raw)
		if held := b.held(t, raw); a.status == http.StatusOK && held != "token" {
			t.Fatalf("200, and the store holds %q", held)
		}
		if a.status != http.StatusOK {
			return errStatus(a.status)
		}
		return nil
	})
}

// What is revoked of a trusted issuer lives as long as edges may accept it, is
// in the trail, and is told as pending while the log is away.
func TestRevokeOfATrustedIssuer(t *testing.T) {
	p := newProvider(t)
	b := start(t, func(c *config.Issuer) { c.TrustedIssuers = p.trusted() })
	b.awaitKeys(t, p)
	const life = 15*time.Minute + 5*time.Second + 19*time.Minute
	raw := p.token(nil)
	jti := part(t, raw, 1)["jti"]
	b.post(t, "/oauth2/revoke", "", "token", raw).want(t, "revoke", http.StatusOK, "")
	if r := b.published(t, events.ScopeToken); r.Issuer != p.URL || r.Subject != jti || r.Reason != "oauth2_revoke" || r.Actor != "u-1" || r.TTL() < life {
		t.Errorf("in the log: %+v", r)
	}
	e := b.awaitEvent(t, func(e session.Event) bool { return e.Kind == session.EventTokenRevoked && e.Subject == jti })
	if e.Issuer != p.URL || e.UserID != "u-1" || e.Tenant != "default" || e.Scope != "token" || e.IP != "127.0.0.1" || e.RevocationID == "" {
		t.Errorf("in the trail: %+v", e)
	}
	late := time.Now().Add(48 * time.Hour).Unix()
	b.post(t, "/oauth2/revoke", "", "token", p.token(map[string]any{"iat": late - 600, "exp": late})).want(t, "stamped ahead", http.StatusOK, "")
	if r := b.published(t, events.ScopeToken); r.TTL() < 48*time.Hour {
		t.Errorf("stamped ahead by two days, it lives for %v", r.TTL())
	}
	ages := time.Now().Add(20 * 365 * 24 * time.Hour).Unix()
	b.post(t, "/oauth2/revoke", "", "token", p.token(map[string]any{"iat": ages - 600, "exp": ages})).want(t, "stamped far ahead", http.StatusOK, "")
	if r := b.published(t, events.ScopeToken); r.TTL() != events.MaxTTL {
		t.Errorf("stamped ahead by twenty years, it lives for %v", r.TTL())
	}
	b.nats.Stop()
	b.post(t, "/oauth2/revoke", "", "token", p.token(nil)).wantError(t, "without the log", http.StatusServiceUnavailable, "temporarily_unavailable")
}

// The issuer's clock is twenty minutes ahead, so that every token has expired
// there, and the edge's is right: what the issuer answers with 200 the edge
// refuses.
func TestEdgesRefuseWhatAnIssuerAheadHasEnded(t *testing.T) {
	p := newProvider(t)
	b := startTuned(t, func(c *config.Issuer) { c.TrustedIssuers = p.trusted() },
		func(i *issuer.Issuer) { i.SetClock(func() time.Time { return time.Now().Add(20 * time.Minute) }) })
	b.awaitKeys(t, p)
	edge := b.edge(t, func(c *config.Edge) { c.TrustedIssuers = p.trusted() })
	revoked, loggedOut := b.login(t, "alice", ""), b.login(t, "alice", "")
	foreign, bySession := grant{AccessToken: p.token(nil)}, grant{AccessToken: p.token(map[string]any{"jti": nil})}
	all := map[string]grant{"revoked": revoked, "logged out": loggedOut, "theirs": foreign, "theirs, by sid": bySession}
	for name, g := range all {
		testenv.Eventually(t, patience, func() error {
			if a := whoami(t, edge, g); a.status != http.StatusOK {
				return errStatus(a.status)
			}
			return nil
		})
		if g == loggedOut {
			call{method: http.MethodPost, url: b.url + "/v1/logout", bearer: g.AccessToken}.do(t).want(t, name, http.StatusOK, "")
		} else {
			b.post(t, "/oauth2/revoke", "", "token", g.AccessToken).want(t, name, http.StatusOK, "")
		}
		awaitRefused(t, edge, g, "token_revoked")
	}
}
