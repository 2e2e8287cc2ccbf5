package edge

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/config"
)

// modes say in which mode a request is checked. The service behind the edge
// may read a path in its own way: decode it, drop a dot segment, ignore case.
// So a rule that weakens counts only for a path as the rule spells it, and one
// that strengthens for every path that somebody could take for its own:
//
//   - A path that servers are known to split in different ways gets the
//     strictest mode of the configuration. So does a request whose header
//     names another method or path.
//   - Otherwise the longest rule wins, and the longest when case and
//     extensions (/pay.json) are ignored; the stricter of the two counts.
//   - Where a segment is encoded or not ASCII, every rule that it could be
//     meant for counts.
type modes struct {
	rules     []modeRule // the longest first
	otherwise guard.Mode
	strictest guard.Mode
}

type modeRule struct {
	segments []string // * is any one segment
	methods  []string // none: every method
	mode     guard.Mode
}

// newModes takes settings that have been validated; a mode that is none
// becomes strict.
func newModes(otherwise string, list config.CheckModes) modes {
	m := modes{otherwise: modeOf(otherwise)}
	m.strictest = m.otherwise
	for _, entry := range list {
		r := modeRule{methods: entry.Methods, mode: modeOf(entry.Mode)}
		if path := strings.Trim(entry.Path, "/"); path != "" {
			r.segments = strings.Split(path, "/")
		}
		m.rules = append(m.rules, r)
		m.strictest = m.strictest.Stricter(r.mode)
	}
	slices.SortStableFunc(m.rules, modeRule.compare)
	return m
}

func modeOf(name string) guard.Mode {
	mode, _ := guard.ParseMode(name) // Strict, if there is no such mode
	return mode
}

// compare orders longer before shorter, literal before *, and rules for some
// methods before those for all.
func (r modeRule) compare(other modeRule) int {
	if d := len(other.segments) - len(r.segments); d != 0 {
		return d
	}
	for i, s := range r.segments {
		switch wild, otherWild := s == "*", other.segments[i] == "*"; {
		case wild && !otherWild:
			return 1
		case otherWild && !wild:
			return -1
		}
	}
	return min(len(other.methods), 1) - min(len(r.methods), 1)
}

// of returns the mode for a request.
func (m modes) of(c *fiber.Ctx) guard.Mode {
	switch {
	case len(m.rules) == 0:
		return m.otherwise
	case overridden(c):
		return m.strictest
	}
	return m.at(c.Method(), pathOf(c))
}

// at returns the mode for a method and a path as the client wrote it, without
// the query.
func (m modes) at(method, path string) guard.Mode {
	if ambiguous(path) {
		return m.strictest
	}
	segments := strings.Split(path[1:], "/")
	exact, alike := m.longest(method, segments, same), m.longest(method, segments, similar)
	mode := exact.Stricter(alike)
	if !slices.ContainsFunc(segments, encoded) {
		return mode
	}
	mode = mode.Stricter(m.otherwise)
	for _, r := range m.rules {
		if r.covers(method, segments, conceivable) {
			mode = mode.Stricter(r.mode)
		}
	}
	return mode
}

func (m modes) longest(method string, segments []string, equal func(rule, segment string) bool) guard.Mode {
	for _, r := range m.rules {
		if r.covers(method, segments, equal) {
			return r.mode
		}
	}
	return m.otherwise
}

func (r modeRule) covers(method string, segments []string, equal func(rule, segment string) bool) bool {
	if len(segments) < len(r.segments) || len(r.methods) > 0 && !r.takes(method) {
		return false
	}
	for i, s := range r.segments {
		if s != "*" && !equal(s, segments[i]) || s == "*" && segments[i] == "" {
			return false
		}
	}
	return true
}

// takes: who answers GET answers HEAD alike.
func (r modeRule) takes(method string) bool {
	return slices.Contains(r.methods, method) || method == "HEAD" && slices.Contains(r.methods, "GET")
}
