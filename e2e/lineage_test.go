package e2e_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/poll"
)

const atOnce = 100 // refreshes of one token

// refreshAtOnce: a hundred refreshes of one token over two issuers end in one
// session with one refresh token. The old one is good for a retry until its
// grace is over; from then on it ends the session on every edge.
func refreshAtOnce(t *testing.T, c *cluster) {
	good := c.signIn(t, c.issuers[0], "bob", "ios")
	successor := c.burst(t, good)[0]
	for n := range 4 { // it can be exchanged, at any issuer
		successor = c.refresh(t, c.issuers[n%2], successor.RefreshToken, "bob")
	}

	old := c.signIn(t, c.issuers[0], "bob", "web")
	began := time.Now()
	all := c.burst(t, old)
	t.Logf("%d refreshes at once took %v", atOnce, time.Since(began))
	c.mustList(t, all[0], good, old)
	c.replayUntilReused(t, old, all[0], began)
	c.mustRefuse(t, old)
	for _, e := range c.edges {
		for _, g := range all {
			if err := c.revoked(e, g.AccessToken); err != nil {
				t.Error(err)
			}
		}
	}
	c.mustBeOver(t, all[0])
	c.mustBeOver(t, old)
	c.mustList(t, successor, good)
	c.mustAccept(t, successor)
}

// burst refreshes one token many times at once. All answers must be grants of
// its session with the same refresh token, each with an access token of its own.
func (c *cluster) burst(t *testing.T, of grant) []grant {
	t.Helper()
	answers := make([]answer, atOnce)
	var wg sync.WaitGroup
	for n := range answers {
		wg.Go(func() { answers[n] = must(t, refreshCall(c.issuers[n%2], of.RefreshToken)) })
	}
	wg.Wait()
	var all []grant
	access := map[string]bool{}
	for _, a := range answers {
		g := c.granted(t, a, "bob")
		all = append(all, g)
		access[g.AccessToken] = true
		if g.SessionID != of.SessionID || g.RefreshToken != all[0].RefreshToken || g.RefreshToken == of.RefreshToken {
			t.Fatal("two lineages")
		}
	}
	if len(access) != atOnce {
		t.Errorf("%d access tokens for %d answers", len(access), atOnce)
	}
	return all
}

// replayUntilReused presents the old token again and again. In its grace it
// gets the successor, which changes nothing. It was rotated away after began.
func (c *cluster) replayUntilReused(t *testing.T, old, successor grant, began time.Time) {
	t.Helper()
	retries := 0
	var last answer
	testenv.Eventually(t, shortGrace+patience, func() (err error) {
		last, err = send(refreshCall(c.issuers[retries%2], old.RefreshToken))
		if err != nil || last.status != http.StatusOK {
			return err
		}
		if g := c.granted(t, last, "bob"); g.RefreshToken != successor.RefreshToken {
			return poll.Stop(fmt.Errorf("another successor for retry %d", retries))
		}
		retries++
		return fmt.Errorf("still in grace after %v", time.Since(began))
	})
	c.discreet(t, refreshCall(c.issuers[0], ""), last).mustRefuse(t, http.StatusUnauthorized, "refresh_reused")
	if lasted := time.Since(began); lasted < shortGrace || retries == 0 {
		t.Errorf("the grace lasted %v, for %d retries", lasted, retries)
	}
}
