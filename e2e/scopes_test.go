package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// TestScopes: what reaches further than one user, and what lets sessions live.
func TestScopes(t *testing.T) {
	c := startFleet(t, 0, 0)
	t.Run("all", func(t *testing.T) { endAll(t, c) })
	t.Run("refresh", func(t *testing.T) { makeRenew(t, c) })
	t.Run("key", func(t *testing.T) { revokeKey(t, c) })
}

// endAll: everything of everybody, in one event, and nothing that comes later.
func endAll(t *testing.T, c *cluster) {
	var open []grant
	for user := range c.passwords {
		for _, i := range c.issuers {
			open = append(open, c.login(t, i, user))
			c.mustAccept(t, open[len(open)-1])
		}
	}
	before := c.logged(t)
	c.revokeConfirmed(t, c.issuers[0], `{"scope":"all"}`)
	c.eachEdge(t, open, http.StatusUnauthorized, `"token_revoked"`)
	c.mustHaveLogged(t, before, "all")
	for _, g := range open {
		c.do(t, refreshCall(c.issuers[1], g.RefreshToken)).mustRefuse(t, http.StatusUnauthorized, "session_ended")
	}
	for user := range c.passwords {
		c.mustAccept(t, c.login(t, c.issuers[1], user))
	}
}

// makeRenew: every access token of the user must be renewed, and can be.
func makeRenew(t *testing.T, c *cluster) {
	old, bystander := c.login(t, c.issuers[0], "bob"), c.login(t, c.issuers[0], "alice")
	c.mustAccept(t, old)
	c.revokeConfirmed(t, c.issuers[0], `{"scope":"user","id":"id-bob","mode":"refresh"}`)
	c.eachEdge(t, []grant{old}, http.StatusUnauthorized, `"token_refresh_required"`)
	renewed := c.refresh(t, c.issuers[1], old.RefreshToken, "bob")
	if renewed.SessionID != old.SessionID {
		t.Errorf("another session: %s after %s", renewed.SessionID, old.SessionID)
	}
	c.mustAccept(t, renewed)
	c.mustAccept(t, bystander)
	c.eachEdge(t, []grant{old}, http.StatusUnauthorized, `"token_refresh_required"`)
}

// revokeKey: all tokens of a key end, whosever they are. The sessions live and
// get tokens of the key after it.
func revokeKey(t *testing.T, c *cluster) {
	old := []grant{c.login(t, c.issuers[0], "alice"), c.login(t, c.issuers[1], "carol")}
	kid := keyID(t, old[0])
	if other := keyID(t, old[1]); other != kid {
		t.Fatalf("two keys sign: %s and %s", kid, other)
	}
	next := c.rotateKeys(t)
	fresh := c.login(t, c.issuers[1], "bob")
	for _, g := range append(old, fresh) {
		c.mustAccept(t, g)
	}
	c.revokeConfirmed(t, c.issuers[0], `{"scope":"key","id":"`+kid+`"}`)
	c.eachEdge(t, old, http.StatusUnauthorized, `"token_revoked"`)
	c.mustAccept(t, fresh)
	for n, user := range []string{"alice", "carol"} {
		g := c.refresh(t, c.issuers[n], old[n].RefreshToken, user)
		if got := keyID(t, g); got != next || got != keyID(t, fresh) {
			t.Errorf("%s's new token is signed with %s, want %s", user, got, next)
		}
		c.mustAccept(t, g)
	}
}

// rotateKeys waits until all issuers sign with the new key.
func (c *cluster) rotateKeys(t *testing.T) string {
	t.Helper()
	a := c.do(t, call{method: http.MethodPost, url: c.issuers[0].url + "/admin/v1/keys/rotate", bearer: c.admin})
	var key struct{ Kid string }
	testenv.Must(t, json.Unmarshal(a.body, &key))
	for _, i := range c.issuers {
		c.awaitKey(t, i, key.Kid)
	}
	return key.Kid
}

// awaitKey waits until a key signs at the issuer.
func (c *cluster) awaitKey(t *testing.T, at *service, kid string) {
	t.Helper()
	testenv.Eventually(t, patience, func() error {
		a, err := send(call{url: at.url + "/admin/v1/keys", bearer: c.admin})
		if err != nil {
			return err
		}
		var list struct{ Keys []struct{ Kid, State string } }
		err = json.Unmarshal(a.body, &list)
		for _, k := range list.Keys {
			if k.Kid == kid && k.State == "signing" {
				return err
			}
		}
		return fmt.Errorf("%s does not sign with %s yet: %s", at.Name(), kid, a.body)
	})
}

// keyID is the kid of a grant's access token (RFC 7515 section 4.1.4).
func keyID(t *testing.T, g grant) string {
	t.Helper()
	header, _, _ := strings.Cut(g.AccessToken, ".")
	text, err := base64.RawURLEncoding.DecodeString(header)
	testenv.Must(t, err)
	var h struct{ Kid string }
	testenv.Must(t, json.Unmarshal(text, &h))
	return h.Kid
}
