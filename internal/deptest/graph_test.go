package deptest

import (
	"fmt"
	"slices"
	"strings"
)

// A pkg is a package and what it imports outside its tests.
type pkg struct {
	ImportPath string
	Imports    []string
}

// violations returns a line for every import, or package, that the rules do
// not allow.
func violations(pkgs []pkg) (out []string) {
	for _, p := range pkgs {
		name := strings.TrimPrefix(p.ImportPath, module)
		if _, listed := allowed[name]; !listed && !under(name, tops) && !under(name, testOnly) {
			out = append(out, name+" has no line in rules_test.go")
			continue
		}
		for _, path := range p.Imports {
			if why := refuse(name, path); why != "" {
				out = append(out, fmt.Sprintf("%s imports %s: %s", name, path, why))
			}
		}
	}
	return out
}

// refuse says why name must not import path, or nothing.
func refuse(name, path string) string {
	other, ours := strings.CutPrefix(path, module)
	only, strict := foreign[name]
	switch {
	case !ours && strict && strings.Contains(path, ".") && !under(path, only):
		return "it may need only the standard library and what foreign lists"
	case !ours:
		return ""
	case under(other, testOnly):
		if under(name, testOnly) || under(name, testOnlyToo) {
			return ""
		}
		return "it is for tests only"
	case under(other, tops):
		return "nobody imports that tree"
	case under(name, tops), slices.Contains(allowed[name], other):
		return ""
	}
	return "against the direction of imports"
}

// under reports whether name is one of the roots or below one.
func under(name string, roots []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return name == root || strings.HasPrefix(name, root+"/")
	})
}
