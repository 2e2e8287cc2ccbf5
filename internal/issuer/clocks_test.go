package issuer_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/issuer"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/token"
)

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
				return p.token(map[string]any{"iat": in(made), "exp": in(expires)})
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
				"for another audience":       {ours(t, cfg, 0, 15*min, func(c *token.Claims) { c.Audience = []string{"x"} }), want{"token", "", never, never}},
				"forged":                     {forged(own(0, 15*min)), want{"", "", never, never}},
				"theirs":                     {theirs(0, 14*min), want{"token", "", never, never}},
				"theirs, expired":            {theirs(-16*min, -min), want{"token", "", never, never}},
				"theirs, expired 13m ago":    {theirs(-28*min, -13*min), want{"token", "", never, never}},
				"theirs, from ahead":         {theirs(9*min, 20*min), want{"token", "", never, never}},
				"theirs, from a day ahead":   {theirs(24*60*min, 24*60*min+10*min), want{"token", "", never, never}},
				"theirs, not valid yet":      {p.token(map[string]any{"nbf": in(time.Hour)}), want{"token", "", never, never}},
				"theirs, expired 2h ago":     {theirs(-130*min, -120*min), want{"", "", never, never}},
				"theirs, without jti":        {p.token(map[string]any{"jti": nil}), want{"session", "", never, never}},
				"theirs, with an empty jti":  {p.token(map[string]any{"jti": ""}), want{"session", "", never, never}},
				"theirs, without iat":        {p.token(map[string]any{"iat": nil}), want{"token", "", never, never}},
				"theirs, of a user alone":    {p.token(map[string]any{"jti": nil, "sid": nil}), want{unsupported, "", never, never}},
				"theirs, living too long":    {theirs(0, 16*min), want{"", "", never, never}},
				"theirs, for others":         {p.token(map[string]any{"aud": "x"}), want{"", "", never, never}},
				"theirs, an ID token":        {p.token(map[string]any{"nonce": "n"}), want{"", "", never, never}},
				"theirs, forged":             {forged(theirs(0, 14*min)), want{"", "", never, never}},
				"another issuer's":           {p.token(map[string]any{"iss": p.URL + "/"}), want{"", "", never, never}},
				"in our name, by their key":  {p.token(map[string]any{"iss": cfg.IssuerURL}), want{"", "", never, never}},
				"theirs, exp a string":       {p.token(map[string]any{"exp": "1"}), want{"", "", never, never}},
				"theirs, half a pair in sub": {p.token(map[string]any{"sub": json.RawMessage(`"\ud800"`)}), want{"", "", never, never}},
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
