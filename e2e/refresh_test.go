package e2e_test

import (
	"net/http"
	"testing"
)

// rotate: a retry gets the same successor, wherever it is tried, for two tabs
// and for a lost answer. A token from before that ends the session everywhere.
func rotate(t *testing.T, c *cluster) {
	bystander := c.login(t, c.issuers[0], "alice")
	g0 := c.login(t, c.issuers[0], "alice")
	g1 := c.refresh(t, c.issuers[1], g0.RefreshToken, "alice")
	for _, i := range c.issuers {
		retry := c.refresh(t, i, g0.RefreshToken, "alice")
		if retry.RefreshToken != g1.RefreshToken || retry.SessionID != g1.SessionID {
			t.Errorf("%s gave the retry another successor", i.Name())
		}
		c.mustAccept(t, retry)
	}
	g2 := c.refresh(t, c.issuers[0], g1.RefreshToken, "alice")
	if g2.RefreshToken == g1.RefreshToken {
		t.Error("not rotated")
	}

	c.do(t, refreshCall(c.issuers[1], g0.RefreshToken)).mustRefuse(t, http.StatusUnauthorized, "refresh_reused")
	c.mustRefuse(t, g2)
	c.mustRefuse(t, g1)
	c.mustRefuse(t, g0)
	for _, i := range c.issuers {
		c.do(t, refreshCall(i, g2.RefreshToken)).mustRefuse(t, http.StatusUnauthorized, "session_ended")
	}
	c.mustAccept(t, bystander)
}
