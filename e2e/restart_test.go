package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/poll"
)

// restartEdge kills an edge, which loses its memory, and revokes while it is
// gone. It may not be ready while it cannot read the log, and never accepts
// what was revoked: neither before it is ready nor after.
func restartEdge(t *testing.T, c *cluster) {
	e := c.edges[1]
	good, before, meanwhile := c.login(t, c.issuers[0], "alice"), c.login(t, c.issuers[0], "bob"), c.login(t, c.issuers[0], "bob")
	c.logout(t, before)
	c.mustRefuse(t, before)
	testenv.Must(t, e.Kill())
	c.logout(t, meanwhile)

	testenv.Must(t, c.nats.Pause())
	testenv.Must(t, e.Restart())
	testenv.Eventually(t, patience, func() error {
		return errors.Join(e.probe("/livez", http.StatusOK), c.notAccepted(e, before, meanwhile))
	})
	a := c.do(t, call{url: e.url + "/readyz"})
	a.mustRefuse(t, http.StatusServiceUnavailable, "unavailable")
	if st, err := e.fresh(); err == nil || st.State != "syncing" {
		t.Errorf("without having read the log: %+v", st)
	}
	testenv.Must(t, c.nats.Resume())

	start := time.Now()
	testenv.Eventually(t, patience, func() error {
		ready := e.probe("/readyz", http.StatusOK)
		return errors.Join(ready, c.notAccepted(e, before, meanwhile))
	})
	t.Logf("%s is ready %v after the log came back", e.Name(), time.Since(start).Round(time.Millisecond))
	for _, g := range []grant{before, meanwhile} {
		c.do(t, call{url: e.url + "/v1/whoami", bearer: g.AccessToken}).mustRefuse(t, http.StatusUnauthorized, "token_revoked")
	}
	for _, e := range c.edges {
		testenv.Eventually(t, patience, func() error { _, err := e.fresh(); return err })
	}
	c.mustAccept(t, good)
}

func (c *cluster) logout(t *testing.T, g grant) {
	t.Helper()
	a := c.do(t, call{method: http.MethodPost, url: c.issuers[0].url + "/v1/logout", bearer: g.AccessToken})
	mustCommit(t, a, "session", g.SessionID)
}

// notAccepted is final when the edge lets a revoked token pass. No answer and
// "unknown" are fine while it is starting.
func (c *cluster) notAccepted(e *service, revoked ...grant) error {
	for _, g := range revoked {
		a, err := send(call{url: e.url + "/v1/whoami", bearer: g.AccessToken})
		if err == nil && a.status != http.StatusUnauthorized && a.status != http.StatusServiceUnavailable {
			return poll.Stop(fmt.Errorf("%s answers %d for a revoked token", e.Name(), a.status))
		}
	}
	return nil
}
