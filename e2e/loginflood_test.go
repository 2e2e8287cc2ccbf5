package e2e_test

import (
	"crypto/rand"
	"flag"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/backend"
)

// flood is how many wrong passwords TestLoginFlood tries; its measurements
// mean something from some thousands on, on a machine with nothing else to do:
//
//	go test ./e2e -run TestLoginFlood -v -flood 10000
var flood = flag.Int("flood", 200, "wrong passwords that TestLoginFlood tries")

const attackers = 16 // at once

// TestLoginFlood: wrong passwords at two issuers lock the account on both,
// leave others alone, and do not starve their refreshes. The last is measured
// beside as many requests that do no work (/livez), because the requests alone
// take processors from this very machine.
func TestLoginFlood(t *testing.T) {
	c := startForFlood(t)
	quiet := c.refreshing(t, func() { time.Sleep(2 * time.Second) })
	idle := c.refreshing(t, func() {
		attack(t, func(n int) { c.must(t, call{url: c.issuers[n%2].url + "/livez"}) })
	})
	var checked, locked atomic.Int32
	wrong := c.refreshing(t, func() {
		attack(t, func(n int) {
			switch a := c.must(t, c.guess(n, "alice")); a.status {
			case http.StatusUnauthorized:
				checked.Add(1)
			case http.StatusTooManyRequests:
				locked.Add(1)
			default:
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	})
	if checked.Load() != 5 || int(locked.Load()) != *flood-5 {
		t.Errorf("%d passwords checked, %d refused, of %d", checked.Load(), locked.Load(), *flood)
	}
	c.mustBeLocked(t, "alice")
	spray := c.refreshing(t, func() {
		attack(t, func(n int) { c.must(t, c.guess(n, rand.Text())) }) // each is hashed, or finds the queue full
	})
	t.Logf("refreshes of others: quiet %v; %d requests without work %v; %[2]d wrong passwords of one account %[4]v; of %[2]d names %[5]v",
		quiet, *flood, idle, wrong, spray)
}

// startForFlood starts two issuers with the default limits. What is attacked
// from many addresses comes through a proxy that is trusted: this test.
func startForFlood(t *testing.T) *cluster {
	c := &cluster{setup: newSetup(t)}
	c.nats = testenv.NATSProcess(t, backend.NATSOptions{Dir: filepath.Join(c.dir, "nats")})
	c.redis = testenv.Redis(t, backend.RedisOptions{Dir: filepath.Join(c.dir, "redis"), AppendOnly: true, Password: c.redisPassword})
	c.natsURL, c.redisURL = c.nats.URL(), c.redis.URL()
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

func (c *cluster) guess(n int, username string) call {
	return call{
		url:    c.issuers[n%2].url + "/v1/login",
		header: http.Header{"X-Forwarded-For": {"198.51.100.1, " + fmt.Sprintf("203.0.%d.%d", n/250%250, n%250)}},
		body:   toJSON(map[string]string{"username": username, "password": "wrong"}),
	}
}

// must is do for many goroutines.
func (c *cluster) must(t *testing.T, what call) answer {
	a, err := send(what)
	if err != nil {
		t.Error(err)
	}
	return a
}

func attack(t *testing.T, one func(n int)) {
	t.Helper()
	var next atomic.Int32
	var wg sync.WaitGroup
	for range attackers {
		wg.Go(func() {
			for n := int(next.Add(1)); n <= *flood; n = int(next.Add(1)) {
				one(n)
			}
		})
	}
	wg.Wait()
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
