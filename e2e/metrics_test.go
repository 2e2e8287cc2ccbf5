package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// measure: metrics are there, are ours, and name nobody. It runs late, when
// there has been something to leak.
func measure(t *testing.T, c *cluster) {
	g := c.login(t, c.issuers[0], "alice")
	c.mustAccept(t, g)
	personal := []string{"alice", "bob", "carol", "acme", g.SessionID, claim(t, g.AccessToken, "jti").(string)}
	for _, s := range c.services() {
		a := c.do(t, call{url: s.url + "/metrics"})
		text := string(a.body)
		if a.status != http.StatusOK || !strings.Contains(text, "\ncurfew_http_requests_total{") {
			t.Errorf("metrics of %s: %d %.200s", s.Name(), a.status, text)
		}
		for line := range strings.Lines(text) {
			if !startsWith(line, "#", "curfew_", "go_", "process_") {
				t.Errorf("%s has a metric of another prefix: %s", s.Name(), line)
			}
		}
		for _, name := range personal {
			if strings.Contains(text, name) {
				t.Errorf("the metrics of %s name %s", s.Name(), name)
			}
		}
		for _, name := range c.secrets.in(text) {
			t.Errorf("the metrics of %s hold %s", s.Name(), name)
		}
	}
	for _, e := range c.edges {
		testenv.Must(t, counted(e, `curfew_decisions_total{result="revoked",source="local"}`, `curfew_state{state="fresh"} 1`))
	}
}

func counted(s *service, names ...string) error {
	a, err := send(call{url: s.url + "/metrics"})
	for _, name := range names {
		if !strings.Contains(string(a.body), name) || strings.Contains(string(a.body), name+" 0\n") {
			err = errors.Join(err, fmt.Errorf("%s counted no %s", s.Name(), name))
		}
	}
	return err
}

func startsWith(line string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(line, p) {
			return true
		}
	}
	return false
}
