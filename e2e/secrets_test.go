package e2e_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// secrets is everything that nobody but its owner may see.
type secrets struct {
	mu    sync.Mutex
	names map[string]string // by the secret
}

func (s *secrets) remember(name, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.names == nil {
		s.names = map[string]string{}
	}
	s.names[secret] = name
}

// in names the secrets that text holds. The end of a token is enough: that of
// a JWT is its signature, which may not be seen either.
func (s *secrets) in(text string) (found []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for secret, name := range s.names {
		if strings.Contains(text, secret[max(0, len(secret)-24):]) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// readLogs looks for everything that was ever secret in every log, those of
// nats-server and redis-server too, and for what no log may hold. It comes
// last.
func readLogs(t *testing.T, c *cluster) {
	logs, err := filepath.Glob(filepath.Join(c.dir, "*.log"))
	testenv.Must(t, err)
	servers, err := filepath.Glob(filepath.Join(c.dir, "*", "*.log"))
	testenv.Must(t, err)
	if len(logs) != 5 || len(servers) != 2 || len(c.secrets.names) < 20 {
		t.Fatalf("%v, %v and %d secrets: not what was meant to be looked at", logs, servers, len(c.secrets.names))
	}
	for _, file := range append(logs, servers...) {
		text, err := os.ReadFile(file)
		testenv.Must(t, err)
		if len(text) == 0 {
			t.Errorf("%s is empty", filepath.Base(file))
		}
		for _, bug := range []string{"DATA RACE", "panic", "request failed inside"} {
			if strings.Contains(string(text), bug) {
				t.Errorf("%s says %q", filepath.Base(file), bug)
			}
		}
		for _, name := range c.secrets.in(string(text)) {
			t.Errorf("%s holds %s", filepath.Base(file), name)
		}
	}
}
