package deploy_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/curfew-auth/curfew/internal/testenv/backend"
)

// promtool runs Prometheus's own checker, which scripts/ensure-promtool fetches.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	tool, err := exec.LookPath("promtool")
	if err != nil {
		dir, err := backend.CacheDir("promtool")
		if err != nil {
			t.Fatal(err)
		}
		tool = filepath.Join(dir, "promtool")
	}
	if out, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v (scripts/ensure-promtool fetches it)\n%s", strings.Join(args, " "), err, out)
	}
}

func TestAlerts(t *testing.T) {
	promtool(t, "check", "config", "prometheus/prometheus.yml") // and the rules that it names
	promtool(t, "check", "rules", "--lint=all", "--lint-fatal", "prometheus/curfew.rules.yml")
	promtool(t, "test", "rules", "prometheus/curfew.rules.test.yml")
}

type dashboard struct {
	Title      string
	UID        string
	Templating struct {
		List []struct{ Name, Type string }
	}
	Panels []struct {
		ID      int
		Type    string
		Title   string
		GridPos struct{ H, W, X, Y int }
		Targets []struct{ Expr string }
	}
}

// TestDashboard: Prometheus reads every expression, no panel covers another,
// and no variable is used that is not there.
func TestDashboard(t *testing.T) {
	data, err := os.ReadFile("grafana/curfew.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	if d.Title == "" || d.UID == "" || len(d.Panels) == 0 || len(d.Templating.List) != 2 {
		t.Fatalf("not a dashboard: %+v", d)
	}
	ids, taken, rules := map[int]bool{}, map[[2]int]string{}, []map[string]string{}
	variables := strings.NewReplacer("$__rate_interval", "5m", "$instance", ".+")
	for _, p := range d.Panels {
		if ids[p.ID] || (p.Type == "row") != (len(p.Targets) == 0) {
			t.Errorf("panel %q: id %d twice, or nothing to show", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x > 23 {
					t.Fatalf("panel %q lies on %q, or outside", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		for _, target := range p.Targets {
			expr := variables.Replace(target.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("panel %q: unknown variable in %s", p.Title, target.Expr)
			}
			rules = append(rules, map[string]string{"record": "panel:expr", "expr": expr})
		}
	}
	checkExpressions(t, rules)
}

// checkExpressions has promtool read expressions, as recording rules.
func checkExpressions(t *testing.T, rules []map[string]string) {
	t.Helper()
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "panels", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "panels.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", "--lint=none", file)
}
