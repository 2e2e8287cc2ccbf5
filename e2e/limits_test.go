package e2e_test

import (
	"sync"
	"testing"
	"time"
)

// keepOnePerKind: with one session per kind of device, each login in a browser
// ends the one before on every edge, and the phone's lives on.
func keepOnePerKind(t *testing.T, c *cluster) {
	phone := c.signIn(t, c.issuers[0], "alice", "ios")
	web := c.signIn(t, c.issuers[0], "alice", "web")
	c.mustList(t, web, phone, web)
	for n := range 5 {
		c.mustAccept(t, web)
		old := web
		web = c.signIn(t, c.issuers[(n+1)%2], "alice", "web")
		t.Logf("milliseconds from the second login's answer until the first is out, per edge: %.1f", c.untilRefused(t, old))
		c.mustRefuse(t, old)
		c.mustBeOver(t, old)
		c.mustList(t, web, phone, web)
	}
	c.mustAccept(t, web)
	c.mustAccept(t, phone)
	c.mustAccept(t, c.refresh(t, c.issuers[1], phone.RefreshToken, "alice"))
}

// untilRefused asks every edge without a pause, for no longer than B, until it
// refuses.
func (c *cluster) untilRefused(t *testing.T, g grant) []float64 {
	t.Helper()
	start, took := time.Now(), make([]float64, len(c.edges))
	var wg sync.WaitGroup
	for n, e := range c.edges {
		wg.Go(func() {
			for err := c.revoked(e, g.AccessToken); err != nil; err = c.revoked(e, g.AccessToken) {
				if time.Since(start) > staleness {
					t.Error(err)
					return
				}
			}
			took[n] = float64(time.Since(start).Microseconds()) / 1000
		})
	}
	wg.Wait()
	return took
}
