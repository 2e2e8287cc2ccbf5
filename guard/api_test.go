package guard_test

import (
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/curfew-auth/curfew/"

// Nobody outside this module could name a type of an internal package, so none
// may stand in what is exported.
func TestExportedNamesShowNoInternalTypes(t *testing.T) {
	packages := []string{module + "guard", module + "guard/fiberguard", module + "guard/grpcguard"}
	imports := importer.ForCompiler(token.NewFileSet(), "gc", compiled(t, packages))
	for _, path := range packages {
		pkg, err := imports.Import(path)
		if err != nil {
			t.Fatal(err)
		}
		exported := 0
		for _, name := range pkg.Scope().Names() {
			obj := pkg.Scope().Lookup(name)
			if !obj.Exported() {
				continue
			}
			exported++
			for _, text := range shown(obj) {
				if strings.Contains(text, "/internal/") {
					t.Errorf("%s.%s shows %s", path, name, text)
				}
			}
		}
		if exported == 0 {
			t.Errorf("%s exports nothing", path)
		}
	}
}

// compiled asks the go command where the compiler has left what it knows of
// packages and all they need.
func compiled(t *testing.T, packages []string) importer.Lookup {
	t.Helper()
	args := append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}"}, packages...)
	out, err := exec.CommandContext(t.Context(), "go", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		files[path] = file
	}
	return func(path string) (io.ReadCloser, error) { return os.Open(files[path]) }
}

// shown lists what a reader of the documentation sees of an object: its type,
// exported fields and exported methods.
func shown(obj types.Object) (out []string) {
	out = append(out, obj.Type().String())
	if _, isType := obj.(*types.TypeName); !isType {
		return out
	}
	if s, ok := obj.Type().Underlying().(*types.Struct); ok {
		for f := range s.Fields() {
			if f.Exported() {
				out = append(out, f.Name()+" "+f.Type().String())
			}
		}
	} else {
		out = append(out, obj.Type().Underlying().String())
	}
	methods := types.NewMethodSet(types.NewPointer(obj.Type()))
	for m := range methods.Methods() {
		if m.Obj().Exported() {
			out = append(out, m.Obj().Name()+" "+m.Type().String())
		}
	}
	return out
}
