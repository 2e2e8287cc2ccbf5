package deptest

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestImportDirections(t *testing.T) {
	for _, v := range violations(list(t, "./...")) {
		t.Error(v)
	}
}

// The services carry no server and no test code in their binaries.
func TestServicesStaySmall(t *testing.T) {
	for _, service := range []string{"./cmd/issuer", "./cmd/edge"} {
		for _, p := range list(t, "-deps", service) {
			if under(p.ImportPath, unlinked) {
				t.Errorf("%s links %s", service, p.ImportPath)
			}
		}
	}
}

// The decision drags nothing of the services into other people's programs.
func TestGuardStandsAlone(t *testing.T) {
	for _, p := range list(t, "-deps", "./guard") {
		if under(p.ImportPath, []string{
			module + "internal/issuer", module + "internal/edge", module + "internal/config",
			module + "internal/front", "github.com/gofiber/fiber", "github.com/spf13/cobra",
		}) {
			t.Errorf("guard links %s", p.ImportPath)
		}
	}
}

// The rules themselves: what they must refuse, they refuse.
func TestRulesRefuse(t *testing.T) {
	for from, imports := range map[string][]string{
		"internal/cache":  {module + "internal/events", "github.com/redis/go-redis/v9", module + "internal/testenv"},
		"internal/token":  {module + "internal/cache", "github.com/gofiber/fiber/v2"},
		"internal/events": {module + "internal/session", module + "internal/events/memlog"},
		"internal/front":  {module + "guard", module + "internal/issuer"},
		"guard":           {module + "internal/front", module + "internal/config", module + "cmd/edge"},
		"internal/commit": {module + "internal/redisstore", module + "internal/testenv/proc"},
		"cmd/edge":        {module + "internal/testenv/backend", module + "cmd/issuer"},
	} {
		for _, path := range imports {
			if got := violations([]pkg{{ImportPath: module + from, Imports: []string{path}}}); len(got) != 1 {
				t.Errorf("%s may import %s", from, path)
			}
		}
	}
	if got := violations([]pkg{{ImportPath: module + "internal/brandnew"}}); len(got) != 1 {
		t.Error("a package without a line is let pass")
	}
}

// readTree opens every folder of the module. The go command remembers a test's
// result for as long as what the test itself opened has not changed; what a
// child process reads does not count.
func readTree(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir("../..", func(_ string, d fs.DirEntry, err error) error {
		if d != nil && (d.Name() == ".git" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// list asks the go command, so that it sees what the compiler sees.
func list(t *testing.T, args ...string) (pkgs []pkg) {
	t.Helper()
	readTree(t)
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Imports"}, args...)...)
	cmd.Dir = "../.."
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, stderr.String())
	}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
	if len(pkgs) == 0 {
		t.Fatalf("%v found nothing", cmd)
	}
	return pkgs
}
