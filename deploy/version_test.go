package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestVersion: what the builds for people tell the linker is what nodes report
// of themselves, and what --version prints. A -X of a variable that is not
// there is passed over in silence.
func TestVersion(t *testing.T) {
	form := regexp.MustCompile(`-X ` + module + `/(\S+)\.(\w+)=\$[({]VERSION[)}]`)
	for _, file := range []string{"../Makefile", "Dockerfile"} {
		m := form.FindStringSubmatch(read(t, file))
		if m == nil {
			t.Errorf("%s tells the linker no version", file)
			continue
		}
		declared(t, file, filepath.Join("..", m[1]), m[2])
	}
}

const module = "github.com/curfew-auth/curfew"

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
