package issuer_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/issuer"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/token"
)

// A provider is somebody else's issuer.
type provider struct {
	url    string
	key    ed25519.PrivateKey
	broken atomic.Bool
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{}
	public, private, err := ed25519.GenerateKey(nil)
	testenv.Must(t, err)
	p.key = private
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if p.broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		testenv.Must(t, json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]any{
			"kty": "OKP", "crv": "Ed25519", "kid": "k-1", "x": base64.RawURLEncoding.EncodeToString(public),
		}}}))
	}))
	t.Cleanup(s.Close)
	p.url = s.URL
	return p
}

func (p *provider) trusted() config.TrustedIssuers {
	return config.TrustedIssuers{{Issuer: p.url, JWKSURL: p.url, Audience: "api", MaxLifetime: 15 * time.Minute, IATOptional: true}}
}

// token signs claims over those of a good token; nil leaves one out.
func (p *provider) token(t *testing.T, change map[string]any) string {
	t.Helper()
	now := time.Now().Unix()
	c := jwt.MapClaims{"iss": p.url, "aud": "api", "sub": "u-1", "sid": uuid.NewString(), "jti": uuid.NewString(), "iat": now, "exp": now + 600}
	maps.Copy(c, change)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	unsigned := jwt.NewWithClaims(jwt.SigningMethodEdDSA, c)
	unsigned.Header["kid"], unsigned.Header["typ"] = "k-1", "at+jwt"
	raw, err := unsigned.SignedString(p.key)
	testenv.Must(t, err)
	return raw
}

// ours signs a token of ours, made and expired as long from now.
func ours(t *testing.T, cfg *config.Issuer, made, expires time.Duration, change func(*token.Claims)) string {
	t.Helper()
	keys, err := token.OpenKeyring(token.KeyringConfig{Dir: cfg.KeysDir, PublishDelay: time.Minute, Keep: time.Hour, Log: slog.Default()})
	testenv.Must(t, err)
	now := time.Now()
	c := token.Claims{
		Issuer: cfg.IssuerURL, Subject: "u-1", ClientID: "curfew", ID: uuid.NewString(), SessionID: uuid.NewString(), Tenant: "default",
		Region: "local", Audience: []string{cfg.Audience}, IssuedAt: now.Add(made), ExpiresAt: now.Add(expires), IssuedAtMillis: now.UnixMilli(),
	}
	if change != nil {
		change(&c)
	}
	raw, err := keys.Mint(c)
	testenv.Must(t, err)
	return raw
}

// held returns which revocations of a token the store holds: token, session.
func (b *bench) held(t *testing.T, raw string) string {
	t.Helper()
	c := part(t, raw, 1)
	var scopes []string
	for _, of := range []struct {
		scope events.Scope
		id    any
	}{{events.ScopeToken, c["jti"]}, {events.ScopeSession, c["sid"]}} {
		if id, ok := of.id.(string); ok && len(b.stored(t, "*rev:"+events.Key(of.scope, c["iss"].(string), id))) > 0 {
			scopes = append(scopes, string(of.scope))
		}
	}
	return strings.Join(scopes, " ")
}

// TestClocks is a table of token, clock and call. The issuer's clock is wrong and
// the edges' are others again: a call that ends a token goes by the signature,
// and says 200 only if no edge accepts the token any more. A call for which the
// token is a credential goes by the clock, and claims nothing when it refuses.
func TestClocks(t *testing.T) {
	const never = 100 * time.Hour
	type want struct {
		revoke string // what POST /oauth2/revoke leaves in the store, or its error
		logout string // what POST /v1/logout leaves there; nothing: it answers 401
		// The token is a credential while the issuer's clock is wrong by this.
		from, to time.Duration
	}
	const unsupported = "unsupported_token_type"
	for _, off := range []time.Duration{-10 * time.Minute, 0, 10 * time.Minute, 30 * time.Minute} {
		t.Run(off.String(), func(t *testing.T) {
			var cfg *config.Issuer
			p := newProvider(t)
			b := startTuned(t, func(c *config.Issuer) { cfg, c.TrustedIssuers = c, p.trusted() },
				func(i *issuer.Issuer) { i.SetClock(func() time.Time { return time.Now().Add(off) }) })
			b.awaitKeys(t, p)
			own := func(made, expires time.Duration) string { return ours(t, cfg, made, expires, nil) }
			in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
			theirs := func(made, expires time.Duration) string {
				return p.token(t, map[string]any{"iat": in(made), "exp": in(expires)})
			}
			const min = time.Minute
			for name, c := range map[string]struct {
				raw string
				want
			}{
				"good":                       {own(0, 14*min), want{"token", "session", -10 * min, 13 * min}},
				"expired a minute ago":       {own(-16*min, -min), want{"token", "session", -never, -2 * min}},
				"expired 13 minutes ago":     {own(-28*min, -13*min), want{"token", "session", -never, -13 * min}},
				"from 9 minutes ahead":       {own(9*min, 20*min), want{"token", "session", -min, 19 * min}},
				"from an hour ahead":         {own(60*min, 75*min), want{"token", "session", 50 * min, never}},
				"expired two hours ago":      {own(-3*never/100, -120*min), want{"", "", never, never}},
				"of another region":          {ours(t, cfg, 0, 15*min, func(c *token.Claims) { c.Region = "other" }), want{unsupported, "", never, never}},
				"of no region":               {ours(t, cfg, 0, 15*min, func(c *token.Claims) { c.Region = "" }), want{unsupported, "", never, never}},
				"for another audience":       {ours(t, cfg, 0, 15*min, func(c *token.Claims) { c.Audience = []string{"x"} }), want{"", "", never, never}},
				"forged":                     {forged(own(0, 15*min)), want{"", "", never, never}},
				"theirs":                     {theirs(0, 14*min), want{"token", "", never, never}},
				"theirs, expired":            {theirs(-16*min, -min), want{"token", "", never, never}},
				"theirs, expired 13m ago":    {theirs(-28*min, -13*min), want{"token", "", never, never}},
				"theirs, from ahead":         {theirs(9*min, 20*min), want{"token", "", never, never}},
				"theirs, from a day ahead":   {theirs(24*60*min, 24*60*min+10*min), want{"token", "", never, never}},
				"theirs, not valid yet":      {p.token(t, map[string]any{"nbf": in(time.Hour)}), want{"token", "", never, never}},
				"theirs, expired 2h ago":     {theirs(-130*min, -120*min), want{"", "", never, never}},
				"theirs, without jti":        {p.token(t, map[string]any{"jti": nil}), want{"session", "", never, never}},
				"theirs, with an empty jti":  {p.token(t, map[string]any{"jti": ""}), want{"session", "", never, never}},
				"theirs, without iat":        {p.token(t, map[string]any{"iat": nil}), want{"token", "", never, never}},
				"theirs, of a user alone":    {p.token(t, map[string]any{"jti": nil, "sid": nil}), want{unsupported, "", never, never}},
				"theirs, living too long":    {theirs(0, 16*min), want{"", "", never, never}},
				"theirs, for others":         {p.token(t, map[string]any{"aud": "x"}), want{"", "", never, never}},
				"theirs, an ID token":        {p.token(t, map[string]any{"nonce": "n"}), want{"", "", never, never}},
				"theirs, forged":             {forged(theirs(0, 14*min)), want{"", "", never, never}},
				"another issuer's":           {p.token(t, map[string]any{"iss": p.url + "/"}), want{"", "", never, never}},
				"in our name, by their key":  {p.token(t, map[string]any{"iss": cfg.IssuerURL}), want{"", "", never, never}},
				"theirs, exp a string":       {p.token(t, map[string]any{"exp": "1"}), want{"", "", never, never}},
				"theirs, half a pair in sub": {p.token(t, map[string]any{"sub": json.RawMessage(`"\ud800"`)}), want{"", "", never, never}},
			} {
				b.wantCredential(t, name, c.raw, off >= c.from && off <= c.to)
				if got := b.held(t, c.raw); got != "" {
					t.Fatalf("%s: was revoked by a question: %s", name, got)
				}
				switch a := b.post(t, "/oauth2/revoke", "", "token", c.raw); c.want.revoke {
				case unsupported:
					a.wantError(t, name, http.StatusBadRequest, unsupported)
				default:
					a.want(t, name+": revoke", http.StatusOK, "")
					if got := b.held(t, c.raw); got != c.want.revoke {
						t.Errorf("%s: revoke left %q in the store, want %q", name, got, c.want.revoke)
					}
				}
				a := call{method: http.MethodPost, url: b.url + "/v1/logout", bearer: c.raw}.do(t)
				if c.want.logout == "" {
					a.want(t, name+": logout", http.StatusUnauthorized, "unauthorized")
				} else if a.want(t, name+": logout", http.StatusOK, ""); !strings.Contains(b.held(t, c.raw), c.want.logout) {
					t.Errorf("%s: logout left %q in the store", name, b.held(t, c.raw))
				}
			}
		})
	}
}

// wantCredential: the calls that a token is to open do, or refuse with 401.
func (b *bench) wantCredential(t *testing.T, name, raw string, good bool) {
	t.Helper()
	for _, c := range []call{
		{url: b.url + "/v1/sessions", bearer: raw}, {method: http.MethodDelete, url: b.url + "/v1/sessions/s-none", bearer: raw},
		{method: http.MethodDelete, url: b.url + "/v1/sessions?keep=current", bearer: raw},
	} {
		if a := c.do(t); (a.status != http.StatusUnauthorized) != good {
			t.Errorf("%s: %s %s: %d %s, want a credential: %v", name, c.method, c.url, a.status, a.body, good)
		}
	}
	if a := b.post(t, "/oauth2/introspect", b.admin, "token", raw); a.body != inactive { // its session does not exist
		t.Errorf("%s: introspection: %s", name, a.body)
	}
}

// awaitKeys waits until the issuer has the keys of a trusted issuer.
func (b *bench) awaitKeys(t *testing.T, p *provider) {
	t.Helper()
	testenv.Eventually(t, patience, func() error {
		if a := b.post(t, "/oauth2/revoke", "", "token", p.token(t, nil)); a.status != http.StatusOK {
			return errStatus(a.status)
		}
		return nil
	})
}

// An issuer may be told no more of a trusted one than how long its tokens live.
// It cannot tell then which tokens the edges accept.
func TestRevokeOfAnIssuerHardlyKnown(t *testing.T) {
	p := newProvider(t)
	b := start(t, func(c *config.Issuer) {
		c.TrustedIssuers = config.TrustedIssuers{{Issuer: p.url, JWKSURL: p.url, MaxLifetime: time.Hour}}
	})
	b.post(t, "/oauth2/revoke", "", "token", p.token(t, nil)).wantError(t, "theirs", http.StatusBadRequest, "unsupported_token_type")
	b.post(t, "/oauth2/revoke", "", "token", p.token(t, map[string]any{"iss": "x"})).want(t, "another's", http.StatusOK, "")
	b.revoke(t, `{"issuer":"`+p.url+`","scope":"token","id":"j"}`).want(t, "by an admin", http.StatusOK, "")
	if r := b.published(t, events.ScopeToken); r.TTL() != time.Hour+5*time.Second+19*time.Minute {
		t.Errorf("it lives for %v", r.TTL())
	}
}

// While the keys of a trusted issuer cannot be had, nobody knows whether a token
// is one of theirs: 200 would claim that it is none.
func TestRevokeWithoutTheirKeys(t *testing.T) {
	p := newProvider(t)
	p.broken.Store(true)
	b := start(t, func(c *config.Issuer) { c.TrustedIssuers = p.trusted() })
	raw := p.token(t, nil)
	b.post(t, "/oauth2/revoke", "", "token", raw).wantError(t, "without keys", http.StatusServiceUnavailable, "temporarily_unavailable")
	p.broken.Store(false)
	b.awaitKeys(t, p)
	b.post(t, "/oauth2/revoke", "", "token", raw).want(t, "with keys", http.StatusOK, "")
	if got := b.held(t, raw); got != "token" {
		t.Errorf("the store holds %q", got)
	}
}

// What is revoked of a trusted issuer lives as long as edges may accept it, is
// in the trail, and is told as pending while the log is away.
func TestRevokeOfATrustedIssuer(t *testing.T) {
	p := newProvider(t)
	b := start(t, func(c *config.Issuer) { c.TrustedIssuers = p.trusted() })
	b.awaitKeys(t, p)
	const life = 15*time.Minute + 5*time.Second + 19*time.Minute
	raw := p.token(t, nil)
	jti := part(t, raw, 1)["jti"]
	b.post(t, "/oauth2/revoke", "", "token", raw).want(t, "revoke", http.StatusOK, "")
	if r := b.published(t, events.ScopeToken); r.Issuer != p.url || r.Subject != jti || r.Reason != "oauth2_revoke" || r.Actor != "u-1" || r.TTL() < life {
		t.Errorf("in the log: %+v", r)
	}
	e := b.awaitEvent(t, func(e session.Event) bool { return e.Kind == session.EventTokenRevoked && e.Subject == jti })
	if e.Issuer != p.url || e.UserID != "u-1" || e.Tenant != "default" || e.Scope != "token" || e.IP != "127.0.0.1" || e.RevocationID == "" {
		t.Errorf("in the trail: %+v", e)
	}
	late := time.Now().Add(48 * time.Hour).Unix()
	b.post(t, "/oauth2/revoke", "", "token", p.token(t, map[string]any{"iat": late - 600, "exp": late})).want(t, "stamped ahead", http.StatusOK, "")
	if r := b.published(t, events.ScopeToken); r.TTL() < 48*time.Hour {
		t.Errorf("stamped ahead by two days, it lives for %v", r.TTL())
	}
	ages := time.Now().Add(20 * 365 * 24 * time.Hour).Unix()
	b.post(t, "/oauth2/revoke", "", "token", p.token(t, map[string]any{"iat": ages - 600, "exp": ages})).want(t, "stamped far ahead", http.StatusOK, "")
	if r := b.published(t, events.ScopeToken); r.TTL() != events.MaxTTL {
		t.Errorf("stamped ahead by twenty years, it lives for %v", r.TTL())
	}
	b.nats.Stop()
	b.post(t, "/oauth2/revoke", "", "token", p.token(t, nil)).wantError(t, "without the log", http.StatusServiceUnavailable, "temporarily_unavailable")
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
	foreign, bySession := grant{AccessToken: p.token(t, nil)}, grant{AccessToken: p.token(t, map[string]any{"jti": nil})}
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
