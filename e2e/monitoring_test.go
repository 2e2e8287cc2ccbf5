package e2e_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
)

var metricForm = regexp.MustCompile(`\b(?:curfew|go|process)_[a-z_]+[a-z]`)

// monitor: every metric that an alert, the dashboard or the documentation names
// is one that a service really has, with that label.
func monitor(t *testing.T, c *cluster) {
	var real strings.Builder
	for _, s := range c.services() {
		a := c.do(t, call{url: s.url + "/metrics"})
		real.Write(a.body)
	}
	names := map[string]bool{}
	for line := range strings.Lines(real.String()) {
		names[metricForm.FindString(line)] = !strings.HasPrefix(line, "#") || names[metricForm.FindString(line)]
	}
	for _, file := range []string{"../deploy/prometheus/curfew.rules.yml", "../deploy/prometheus/curfew.rules.test.yml", "../deploy/grafana/curfew.json", "../docs/operations.md"} {
		text, err := os.ReadFile(file)
		testenv.Must(t, err)
		found := metricForm.FindAllString(string(text), -1)
		if len(found) == 0 {
			t.Errorf("%s names no metric", file)
		}
		for _, name := range found {
			if !names[name] && !names[name+"_bucket"] {
				t.Errorf("%s names %s, which no service has", file, name)
			}
		}
	}
}
