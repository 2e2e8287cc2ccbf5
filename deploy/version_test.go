package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestVersion: what the builds for people tell the linker is what nodes report
// of themselves, and what --version prints. A -X of a variable that is not
// there is passed over in silence.
func TestVersion(t *testing.T) {
	stamp := regexp.MustCompile(`-X (\S+)\.(\w+)=\$[({]VERSION[)}]`)
	for _, file := range []string{"../Makefile", "Dockerfile"} {
		stamped := map[string]bool{}
		for _, m := range stamp.FindAllStringSubmatch(read(t, file), -1) {
			stamped[m[1]+"."+m[2]] = true
			for _, dir := range packages(m[1]) {
				declared(t, file, dir, m[2])
			}
		}
		for _, want := range []string{"main.version", module + "/internal/fleet.stamped"} {
			if !stamped[want] {
				t.Errorf("%s does not set %s", file, want)
			}
		}
	}
}

const module = "github.com/curfew-auth/curfew"

func packages(path string) []string {
	if path == "main" {
		return []string{"../cmd/issuer", "../cmd/edge", "../cmd/curfew"}
	}
	return []string{filepath.Join("..", strings.TrimPrefix(path, module+"/"))}
}

func declared(t *testing.T, file, dir, name string) {
	t.Helper()
	sources, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`(?m)^var ` + name + `\b`)
	for _, source := range sources {
		if text, err := os.ReadFile(source); err == nil && form.Match(text) {
			return
		}
	}
	t.Errorf("%s sets %s of %s, which has no such variable", file, name, dir)
}
