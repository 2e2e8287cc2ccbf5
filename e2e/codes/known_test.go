package codes_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// unprovoked are the codes that no request brings about in a test, and why.
var unprovoked = map[string]string{
	"internal":        "a fault of ours; internal/front shows that the document tells nothing",
	"request_timeout": "takes the read timeout, ten seconds; internal/front has the document",
}

var codeForm = regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)

// knownCodes reads from the source of package front which codes there are:
// the first such word in each call that makes a problem.
func knownCodes(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../internal/front/*.go")
	testenv.Must(t, err)
	var codes []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		testenv.Must(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				codes = append(codes, codeOf(call)...)
			}
			return true
		})
	}
	slices.Sort(codes)
	if codes = slices.Compact(codes); len(codes) < 25 {
		t.Fatalf("the source has only the codes %v: does this test still read it rightly?", codes)
	}
	return codes
}

func codeOf(call *ast.CallExpr) []string {
	if name, ok := call.Fun.(*ast.Ident); !ok || !slices.Contains([]string{"problem", "unauthenticated", "retryable"}, name.Name) {
		return nil
	}
	for _, arg := range call.Args {
		if lit, ok := arg.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil && codeForm.MatchString(text) {
				return []string{text}
			}
		}
	}
	return nil
}
