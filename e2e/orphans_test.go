package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/deploy/nats"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// TestNoIssuerLives: edges answer each other, and stay fresh without an issuer and
// without Redis.
func TestNoIssuerLives(t *testing.T) {
	for _, layout := range []string{"under the shipped accounts", "in one account"} {
		t.Run(layout, func(t *testing.T) {
			s := newSetup(t)
			if layout == "in one account" {
				s.layout, s.apiPrefix = nats.Trial{}, "$JS.API"
			}
			c, good, ended := startOrphans(t, s)
			testenv.Must(t, c.redis.Kill())
			for began := time.Now(); time.Since(began) < 3*staleness; {
				for _, e := range c.edges {
					testenv.Must(t, e.isInState("fresh"))
					testenv.Must(t, e.answers(good.AccessToken, http.StatusOK, `"id-alice"`))
					testenv.Must(t, c.revoked(e, ended.AccessToken))
				}
			}
		})
	}
}

// startOrphans starts an issuer and three edges, and kills the issuer when one session
// lives and another has ended.
func startOrphans(t *testing.T, s *setup) (c *cluster, good, ended grant) {
	t.Helper()
	c = &cluster{setup: s}
	c.startServers(t)
	c.issuers = []*service{c.issuer(t, 0)}
	c.edges = []*service{c.edge(t, 0), c.edge(t, 1), c.edge(t, 2)}
	for _, s := range c.services() {
		s.awaitReady(t)
	}
	good, ended = c.login(t, c.issuers[0], "alice"), c.login(t, c.issuers[0], "alice")
	c.logout(t, ended)
	for _, e := range c.edges {
		testenv.Eventually(t, patience, func() error { return e.isInState("fresh") })
	}
	testenv.Must(t, c.issuers[0].Kill())
	return c, good, ended
}

// isInState checks what the edge says of itself.
func (s *service) isInState(state string) error {
	a, err := send(call{url: s.url + "/statusz"})
	if err == nil && !strings.Contains(string(a.body), fmt.Sprintf(`"state":%q`, state)) {
		err = fmt.Errorf("%s is not %s: %s", s.Name(), state, a.body)
	}
	return err
}
