package issuer_test

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/issuer"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/token"
)

// TestRevokeWhatOthersAccept: other issuers and edges of ours may have other settings,
// keys that this issuer has not read, and another clock. What an edge may accept is
// revoked, or it is not answered with 200.
func TestRevokeWhatOthersAccept(t *testing.T) {
	var cfg *config.Issuer
	off := time.Duration(0)
	b := startTuned(t, func(c *config.Issuer) { cfg = c },
		func(i *issuer.Issuer) { i.SetClock(func() time.Time { return time.Now().Add(off) }) })
	other, err := token.OpenKeyring(token.KeyringConfig{Dir: t.TempDir(), Create: true, PublishDelay: time.Minute, Keep: time.Hour, Log: slog.Default()})
	testenv.Must(t, err)
	unread := func(expires time.Duration) string {
		now := time.Now()
		raw, err := other.Mint(token.Claims{
			Issuer: cfg.IssuerURL, Subject: "u-1", ClientID: "curfew", ID: uuid.NewString(), SessionID: uuid.NewString(), Tenant: "default",
			Region: "local", Audience: []string{cfg.Audience}, IssuedAt: now.Add(-2 * time.Hour), ExpiresAt: now.Add(expires), IssuedAtMillis: now.UnixMilli(),
		})
		testenv.Must(t, err)
		return raw
	}
	const live = 15 * time.Minute
	changed := func(change func(*token.Claims)) string { return ours(t, cfg, 0, live, change) }
	for _, c := range []struct {
		what, raw string
		off       time.Duration // of the issuer's clock
		status    int
		held      string
	}{
		{"a key that it has not read", unread(live), 0, http.StatusServiceUnavailable, ""},
		{"such a key, long expired", unread(-90 * time.Minute), 0, http.StatusOK, ""},
		{"another audience", changed(func(c *token.Claims) { c.Audience = []string{"before-the-change"} }), 0, http.StatusOK, "token"},
		{"another issuer_url", changed(func(c *token.Claims) { c.Issuer = "https://before-the-change" }), 0, http.StatusOK, "token"},
		{"another audience in another region", changed(func(c *token.Claims) { c.Audience, c.Region = []string{"x"}, "elsewhere" }), 0, http.StatusBadRequest, ""},
		{"its clock far ahead", changed(nil), 76 * time.Minute, http.StatusOK, "token"},
		{"its clock far ahead, a key that it has not read", unread(live), 76 * time.Minute, http.StatusServiceUnavailable, ""},
		{"its clock days ahead", changed(nil), 100 * time.Hour, http.StatusOK, "token"},
		{"long expired", ours(t, cfg, -3*time.Hour, -90*time.Minute, nil), 0, http.StatusOK, ""},
		{"forged", forged(changed(nil)), 0, http.StatusOK, ""},
	} {
		off = c.off
		a := b.post(t, "/oauth2/revoke", "", "token", c.raw)
		if held := b.held(t, c.raw); a.status != c.status || held != c.held {
			t.Errorf("%s: %d, the store holds %q; want %d, %q", c.what, a.status, held, c.status, c.held)
		}
	}
}
