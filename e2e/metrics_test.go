package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

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
		lintMetrics(t, s, text)
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

// labels are all that a metric of ours may be divided by: each has a few fixed
// values, but for the route patterns.
var labels = []string{
	"route", "method", "code", "result", "source", "state", "reason", "kind", "scope", "status", "version", "goversion", "le",
}

// lintMetrics checks names, units and help texts as Prometheus wants them, and
// that no label is new.
func lintMetrics(t *testing.T, s *service, text string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	testenv.Must(t, err)
	for _, p := range problems {
		t.Errorf("%s: %s: %s", s.Name(), p.Metric, p.Text)
	}
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(line, "{")
		if !strings.HasPrefix(name, "curfew_") {
			continue
		}
		set, _, _ := strings.Cut(rest, "} ")
		for _, pair := range labelForm.FindAllStringSubmatch(set, -1) {
			if !slices.Contains(labels, pair[1]) {
				t.Errorf("%s: %s has the label %s", s.Name(), name, pair[1])
			}
		}
	}
}

var labelForm = regexp.MustCompile(`(\w+)="`)

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
