package e2e_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
)

const (
	attackers   = 16 // at once
	attackerEnv = "CURFEW_E2E_ATTACK"
)

// An attack is so many requests as fast as they are answered, alternating
// between the issuers.
type attack struct {
	URLs     []string
	Path     string
	Username string // whose password is guessed; empty: another one each time
	Requests int
}

// TestMain is the attacker when this binary was started as one.
func TestMain(m *testing.M) {
	if spec := os.Getenv(attackerEnv); spec != "" {
		if err := attackAs(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	removeCerts()
	os.Exit(code)
}

// attack runs a in a process of its own, of the lowest priority: an attacker
// has a machine of his own, and what he spends on it slows nobody down. It
// returns how often each status was answered.
func (c *cluster) attack(t *testing.T, a attack) map[int]int {
	t.Helper()
	for _, i := range c.issuers {
		a.URLs = append(a.URLs, i.url)
	}
	a.Requests = *flood
	attacker := exec.CommandContext(t.Context(), "nice", "-n", "19", os.Args[0])
	attacker.Env = append(os.Environ(), attackerEnv+"="+toJSON(a))
	attacker.Stderr = t.Output()
	out, err := attacker.Output()
	testenv.Must(t, err)
	var statuses map[int]int
	testenv.Must(t, json.Unmarshal(out, &statuses))
	return statuses
}

func attackAs(spec string) error {
	var a attack
	if err := json.Unmarshal([]byte(spec), &a); err != nil {
		return err
	}
	statuses, err := a.run()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(statuses)
}

func (a attack) run() (map[int]int, error) {
	var (
		next     atomic.Int32
		wg       sync.WaitGroup
		mu       sync.Mutex
		statuses = map[int]int{}
		failed   error
	)
	for range attackers {
		wg.Go(func() {
			for n := int(next.Add(1)); n <= a.Requests; n = int(next.Add(1)) {
				answer, err := send(a.request(n))
				mu.Lock()
				if statuses[answer.status]++; err != nil {
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return statuses, failed
}

// request is the nth. Guesses come from many addresses, through a proxy that
// the issuers trust.
func (a attack) request(n int) call {
	to := call{url: a.URLs[n%len(a.URLs)] + a.Path}
	if a.Path != "/v1/login" {
		return to
	}
	name := a.Username
	if name == "" {
		name = rand.Text()
	}
	to.header = http.Header{"X-Forwarded-For": {"198.51.100.1, " + fmt.Sprintf("203.0.%d.%d", n/250%250, n%250)}}
	to.body = toJSON(map[string]string{"username": name, "password": "wrong"})
	return to
}
