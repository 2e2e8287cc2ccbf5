package e2e_test

import (
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// burst is how many revocations TestRevocationBurst makes, at the pace of
// 100,000 a minute. The whole of it takes a machine with nothing else to do:
//
//	cd e2e && go test -run TestRevocationBurst -v -burst 100000 .
var burst = flag.Int("burst", 3000, "revocations that TestRevocationBurst makes")

const (
	burstPace = time.Minute / 100_000
	// burstMemory is how much a service's heap may grow by, however long the
	// burst: passwords being hashed, backlogs, and what an edge holds of each
	// revocation. Resident memory is only logged: the race detector takes many
	// times what it watches.
	burstMemory = 160 << 20 // bytes
)

// TestRevocationBurst: every revocation of a burst is taken and reaches every
// edge; logins go on, and their tokens are good; no service grows without bound;
// and nothing is lost of the trail, which says of each who did it.
func TestRevocationBurst(t *testing.T) {
	c := startFleet(t, 0, 0)
	before := c.memory(t)
	over := make(chan struct{})
	var logins latency
	var others sync.WaitGroup
	others.Go(func() { logins = c.loggingIn(t, over) })
	began := time.Now()
	statuses := c.revokeMany(t)
	took := time.Since(began)
	close(over)
	others.Wait()

	t.Logf("%d revocations in %v: %v; logins meanwhile %v", *burst, took.Round(time.Millisecond), statuses, logins)
	if statuses[http.StatusOK]+statuses[http.StatusAccepted] != *burst || statuses[http.StatusOK] < *burst/2 {
		t.Errorf("of %d revocations: %v, want 200, and 202 where the machine is busy", *burst, statuses)
	}
	for _, e := range c.edges {
		e.awaitEntries(t, *burst)
	}
	for n, after := range c.memory(t) {
		t.Logf("%s: %v, %v before", c.services()[n].Name(), after, before[n])
		if after.heap > before[n].heap+burstMemory {
			t.Errorf("%s has grown from %v to %v", c.services()[n].Name(), before[n], after)
		}
	}
	c.mustHaveRecorded(t)
}

// awaitEntries waits until the edge holds so many revocations.
func (s *service) awaitEntries(t *testing.T, want int) {
	t.Helper()
	testenv.Eventually(t, patience, func() error {
		if got := gauge(t, s, "curfew_entries"); got < float64(want) {
			return fmt.Errorf("%s holds %v revocations of %d", s.Name(), got, want)
		}
		return nil
	})
}

// revokeMany revokes, no faster than the pace, and counts the statuses.
func (c *cluster) revokeMany(t *testing.T) map[int]int {
	var (
		next  atomic.Int64
		wg    sync.WaitGroup
		mu    sync.Mutex
		count = map[int]int{}
		began = time.Now()
	)
	scopes := [...]string{"token", "session", "user"}
	for range 2 * clients {
		wg.Go(func() {
			for n := int(next.Add(1)); n <= *burst; n = int(next.Add(1)) {
				time.Sleep(time.Until(began.Add(time.Duration(n) * burstPace)))
				a := must(t, call{
					url: c.issuers[n%2].url + "/admin/v1/revocations", bearer: c.admin,
					body: toJSON(map[string]string{"scope": scopes[n%len(scopes)], "id": fmt.Sprint("burst-", n)}),
				})
				mu.Lock()
				count[a.status]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return count
}

// loggingIn logs bob in, one time after the other, until it is over. Every one
// must succeed, on every edge.
func (c *cluster) loggingIn(t *testing.T, over <-chan struct{}) latency {
	var took []time.Duration
	for n := 0; ; n++ {
		select {
		case <-over:
			slices.Sort(took)
			return latency{len(took), took[len(took)/2], took[len(took)*99/100]}
		case <-time.After(20 * time.Millisecond): // a user now and then
		}
		began := time.Now()
		a := must(t, call{url: c.issuers[n%2].url + "/v1/login", body: toJSON(map[string]string{"username": "bob", "password": c.passwords["bob"]})})
		took = append(took, time.Since(began))
		g, err := readGrant(a)
		if err == nil {
			err = c.edges[n%len(c.edges)].answers(g.AccessToken, http.StatusOK, `"id-bob"`)
		}
		if err != nil {
			t.Errorf("login %d during the burst: %v", n, err)
		}
	}
}

// memory is what a service takes, in bytes.
type memory struct{ heap, resident int }

func (m memory) String() string {
	return fmt.Sprintf("%d MB of heap, %d MB resident", m.heap>>20, m.resident>>20)
}

func (c *cluster) memory(t *testing.T) (out []memory) {
	t.Helper()
	for _, s := range c.services() {
		out = append(out, memory{int(gauge(t, s, "go_memstats_heap_inuse_bytes")), int(gauge(t, s, "process_resident_memory_bytes"))})
	}
	return out
}

// mustHaveRecorded: the trail has all that the issuers did.
func (c *cluster) mustHaveRecorded(t *testing.T) {
	t.Helper()
	for _, i := range c.issuers {
		testenv.Eventually(t, patience, func() error {
			if left := gauge(t, i, "curfew_audit_backlog"); left > 0 {
				return fmt.Errorf("%v events wait at %s", left, i.Name())
			}
			return nil
		})
		if lost := gauge(t, i, "curfew_audit_dropped_total"); lost > 0 {
			t.Errorf("%s has lost %v events", i.Name(), lost)
		}
	}
}

// gauge is the value of a metric without labels.
func gauge(t *testing.T, s *service, name string) float64 {
	t.Helper()
	a, err := send(call{url: s.url + "/metrics"})
	testenv.Must(t, err)
	for line := range strings.Lines(string(a.body)) {
		if text, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			testenv.Must(t, err)
			return v
		}
	}
	t.Fatalf("%s has no %s", s.Name(), name)
	return 0
}
