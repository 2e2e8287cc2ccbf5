package e2e_test

import (
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"
)

// flood is how many wrong passwords TestLoginFlood tries; its measurements
// mean something from some thousands on, on a machine with nothing else to do:
//
//	cd e2e && go test -run TestLoginFlood -v -flood 10000 .
var flood = flag.Int("flood", 200, "wrong passwords that TestLoginFlood tries")

// TestLoginFlood: wrong passwords at two issuers lock the account on both,
// leave others alone, and do not starve their refreshes. The last is measured
// beside nothing and beside as many requests that do no work (/livez). Beside a
// spray over many names, where every guess costs a hash, it is only logged: two
// issuers on a machine of two processors hash on both.
func TestLoginFlood(t *testing.T) {
	c := startForFlood(t)
	quiet := c.refreshing(t, func() { time.Sleep(2 * time.Second) })
	var none, one, many map[int]int
	idle := c.refreshing(t, func() { none = c.attack(t, attack{Path: "/livez"}) })
	wrong := c.refreshing(t, func() { one = c.attack(t, attack{Path: "/v1/login", Username: "alice"}) })
	c.mustBeLocked(t, "alice")
	spray := c.refreshing(t, func() { many = c.attack(t, attack{Path: "/v1/login"}) })
	if none[http.StatusOK] != *flood || one[http.StatusUnauthorized] != 5 || one[http.StatusTooManyRequests] != *flood-5 {
		t.Errorf("of %d: without work %v, one account %v; only 5 passwords are to be checked", *flood, none, one)
	}
	t.Logf("refreshes of others: quiet %v; %d requests without work %v; %[2]d wrong passwords of one account %[4]v; of %[2]d names %[5]v, answered %[6]v",
		quiet, *flood, idle, wrong, spray, many)
	if ceiling := 20*quiet.p50 + 100*time.Millisecond; wrong.p50 > ceiling { // against starvation, not a measurement
		t.Errorf("refreshes took %v beside wrong passwords, %v without", wrong.p50, quiet.p50)
	}
}

// startForFlood starts two issuers with the default limits. What is attacked
// from many addresses comes through a proxy that is trusted: this test.
func startForFlood(t *testing.T) *cluster {
	c := &cluster{setup: newSetup(t)}
	c.startServers(t)
	for n := range 2 {
		c.issuers = append(c.issuers, c.start(t, fmt.Sprint("issuer-", n+1), c.bin.Issuer, c.ports[n],
			"CURFEW_KEYS_DIR="+c.keysDir(), "CURFEW_USERS_FILE="+c.usersFile(), "CURFEW_ADMIN_TOKEN_FILE="+c.adminFile(),
			"CURFEW_TRUSTED_PROXIES=127.0.0.1", "CURFEW_LOG_LEVEL=warn"))
	}
	for _, i := range c.issuers {
		i.awaitReady(t)
	}
	return c
}

// A latency is what refreshes took.
type latency struct {
	n        int
	p50, p99 time.Duration
}

func (l latency) String() string { return fmt.Sprintf("p50 %v p99 %v (%d)", l.p50, l.p99, l.n) }

// refreshing measures refreshes of bob's, one at a time, while something else
// goes on. Every one must succeed.
func (c *cluster) refreshing(t *testing.T, meanwhile func()) latency {
	t.Helper()
	g := c.login(t, c.issuers[0], "bob")
	over := make(chan struct{})
	go func() { defer close(over); meanwhile() }()
	var took []time.Duration
	for n := 0; ; n++ {
		began := time.Now()
		g = c.refresh(t, c.issuers[n%2], g.RefreshToken, "bob")
		took = append(took, time.Since(began))
		select {
		case <-over:
			slices.Sort(took)
			return latency{len(took), took[len(took)/2], took[len(took)*99/100]}
		case <-time.After(2 * time.Millisecond): // a client that refreshes now and then
		}
	}
}

func (c *cluster) mustBeLocked(t *testing.T, user string) {
	t.Helper()
	right := call{body: toJSON(map[string]string{"username": user, "password": c.passwords[user]})}
	for _, i := range c.issuers {
		right.url = i.url + "/v1/login"
		a := c.do(t, right)
		a.mustRefuse(t, http.StatusTooManyRequests, "account_locked")
		if after, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || after < 60 || after > 600 {
			t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
		}
		c.login(t, i, "bob")
	}
	lift := call{url: c.issuers[0].url + "/admin/v1/unlocks", body: toJSON(map[string]string{"username": user}), bearer: c.admin}
	if got := decode[map[string]bool](t, c.do(t, lift)); !got["unlocked"] {
		t.Errorf("unlock: %v", got)
	}
	c.login(t, c.issuers[1], user)
}
