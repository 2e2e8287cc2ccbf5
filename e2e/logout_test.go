package e2e_test

import (
	"flag"
	"fmt"
	"net/http"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// many is how many sessions TestLogoutEverywhere ends with one event:
//
//	cd e2e && go test -run TestLogoutEverywhere -v -sessions 10000 .
var many = flag.Int("sessions", 500, "sessions that TestLogoutEverywhere ends")

const (
	// clients is how many calls a test makes at once.
	clients = 16
	// apart is how far each issuer's clock is from the right time, in opposite
	// directions.
	apart = 5 * time.Minute
	// mostListed is how many sessions a list has at most.
	mostListed = 1000
	// confirmCeiling is against hangs, not a measurement.
	confirmCeiling = 10 * time.Second
	// confirmPromise is how long an answer with wait=confirmed takes with
	// three edges, unless the machine does something else just then.
	confirmPromise = 50 * time.Millisecond
)

// TestLogoutEverywhere: one event ends all of a user's sessions on every edge
// before the answer is given, and nothing of the user's that comes later, with
// issuers whose clocks are wrong in both directions.
func TestLogoutEverywhere(t *testing.T) {
	c := startFleet(t, apart, -apart)
	mustBeApart(t, c)
	bystander := c.login(t, c.issuers[0], "bob")
	open := c.openMany(t, "alice", *many)
	c.eachEdge(t, open, http.StatusOK, `"id-alice"`)
	if got := c.listed(t, c.issuers[0], "alice"); got != min(len(open), mostListed) {
		t.Fatalf("%d sessions are listed, want %d", got, min(len(open), mostListed))
	}

	before := c.logged(t)
	began := time.Now()
	c.revokeConfirmed(t, c.issuers[1], `{"scope":"user","id":"id-alice"}`)
	t.Logf("%d sessions, answered after %v", len(open), time.Since(began))
	for _, i := range c.issuers {
		if got := c.listed(t, i, "alice"); got != 0 {
			t.Errorf("%s lists %d sessions that have ended", i.Name(), got)
		}
	}
	c.eachEdge(t, open, http.StatusUnauthorized, `"token_revoked"`)
	c.mustAccept(t, bystander)

	for n := range 100 {
		c.mustAccept(t, c.login(t, c.issuers[n%2], "alice"))
	}
	c.mustHaveLogged(t, before, "user")
	c.mustBePrompt(t)
}

// mustBePrompt: of some confirmed logouts, the fastest keeps the promise. A busy
// machine delays one or the other, and not each by so much.
func (c *cluster) mustBePrompt(t *testing.T) {
	t.Helper()
	fastest := confirmCeiling
	for n := range 10 {
		c.openMany(t, "alice", clients)
		began := time.Now()
		c.revokeConfirmed(t, c.issuers[n%2], `{"scope":"user","id":"id-alice"}`)
		fastest = min(fastest, time.Since(began))
	}
	if t.Logf("the fastest: %v", fastest); fastest > confirmPromise {
		t.Errorf("confirmed after %v at best, want %v", fastest, confirmPromise)
	}
}

// mustBeApart: what the issuers answer tells their clocks.
func mustBeApart(t *testing.T, c *cluster) {
	t.Helper()
	var at [2]time.Time
	for n, i := range c.issuers {
		var err error
		at[n], err = http.ParseTime(c.do(t, call{url: i.url + "/livez"}).header.Get("Date"))
		testenv.Must(t, err)
	}
	if got := at[0].Sub(at[1]); got < 2*apart-time.Minute || got > 2*apart+time.Minute {
		t.Fatalf("the issuers' clocks are %v apart", got)
	}
}

// openMany opens sessions of a user on all issuers, many at a time.
func (c *cluster) openMany(t *testing.T, user string, n int) []grant {
	t.Helper()
	open := make([]grant, n)
	var all errgroup.Group
	all.SetLimit(clients)
	for n := range open {
		all.Go(func() error {
			a, err := send(call{
				url: c.issuers[n%len(c.issuers)].url + "/admin/v1/sessions", bearer: c.admin, body: toJSON(map[string]string{"user_id": "id-" + user}),
			})
			if err == nil {
				open[n], err = readGrant(a)
			}
			return err
		})
	}
	testenv.Must(t, all.Wait())
	return open
}

// eachEdge shows each edge every token, once: all must get the status, and the
// text in the answer.
func (c *cluster) eachEdge(t *testing.T, of []grant, status int, text string) {
	t.Helper()
	var all errgroup.Group
	all.SetLimit(clients)
	for _, g := range of {
		for _, e := range c.edges {
			all.Go(func() error { return e.answers(g.AccessToken, status, text) })
		}
	}
	if err := all.Wait(); err != nil {
		t.Error(fmt.Errorf("of %d tokens, one at least: %w", len(of), err))
	}
}

// listed is how many sessions of a user an admin sees.
func (c *cluster) listed(t *testing.T, at *service, user string) int {
	t.Helper()
	a := c.do(t, call{url: at.url + "/admin/v1/users/id-" + user + "/sessions", bearer: c.admin})
	return len(decode[sessionList](t, a).Sessions)
}
