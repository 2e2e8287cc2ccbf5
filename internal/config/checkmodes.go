package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxCheckModes bounds the list check_modes.
const maxCheckModes = 1000

var (
	// modePathForm: segments of plain characters, or * for any one segment.
	// Nothing that two servers could read differently.
	modePathForm = regexp.MustCompile(`^/$|^(/([A-Za-z0-9_~!$&'()+,=:@-][A-Za-z0-9._~!$&'()+,=:@-]*|\*))+/?$`)
	methodForm   = regexp.MustCompile(`^[A-Z]{1,32}$`)
)

// A CheckMode is the mode of all paths below one.
type CheckMode struct {
	Path    string   `yaml:"path"`
	Methods []string `yaml:"methods"` // none: every method
	Mode    string   `yaml:"mode"`
}

// CheckModes is a list in YAML, of which JSON is a part.
type CheckModes []CheckMode

// UnmarshalText reads the list strictly.
func (m *CheckModes) UnmarshalText(text []byte) error {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	var list []CheckMode
	if err := dec.Decode(&list); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("want a list of {path, methods, mode}: %s", strings.ReplaceAll(err.Error(), "\n", ""))
	}
	*m = list
	return nil
}

func (m CheckModes) check(p *checks) {
	p.that("check_modes", len(m) <= maxCheckModes, "want at most %d entries, got %d", maxCheckModes, len(m))
	seen := map[string]bool{}
	for i, entry := range m {
		at := fmt.Sprintf("entry %d: ", i+1)
		p.that("check_modes", modePathForm.MatchString(entry.Path),
			"%swant a path such as /pay or /accounts/*/transfer, of plain ASCII characters, got %s", at, quote(entry.Path))
		p.that("check_modes", slices.Contains(modes, entry.Mode), "%swant the mode stateless, local or strict, got %s", at, quote(entry.Mode))
		methods := entry.Methods
		if len(methods) == 0 {
			methods = []string{"*"}
		}
		for _, method := range methods {
			p.that("check_modes", method == "*" && len(entry.Methods) == 0 || methodForm.MatchString(method),
				"%swant methods in capitals, got %s", at, quote(method))
			key := method + " " + strings.ToLower(strings.TrimSuffix(entry.Path, "/"))
			p.that("check_modes", !seen[key], "%sthe path is given twice for the same method", at)
			seen[key] = true
		}
	}
}
