package config

import (
	"errors"
	"slices"
	"strings"
)

// ErrUsage is matched by every error of Load and of the flags that Bind
// registered: the command was called or configured wrongly, exit code 2.
var ErrUsage = errors.New("config: usage")

// Invalid is one problem with one setting.
type Invalid struct {
	// Setting is the setting as it was given: a flag, an environment
	// variable, a key with its file and line. From Validate it is the bare name.
	Setting string
	Reason  string
}

func (e *Invalid) Error() string {
	if e.Setting == "" {
		return e.Reason
	}
	return e.Setting + ": " + e.Reason
}

// Is makes every problem a usage error.
func (e *Invalid) Is(target error) bool { return target == ErrUsage }

// ExitCode is the exit code that fits err: 0 done, 1 failed, 2 usage, or what
// the error's own method ExitCode says.
func ExitCode(err error) int {
	own, has := errors.AsType[interface {
		error
		ExitCode() int
	}](err)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, ErrUsage):
		return 2
	case has:
		return own.ExitCode()
	default:
		return 1
	}
}

// flatten takes joined errors apart.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var out []error
		for _, e := range joined.Unwrap() {
			out = append(out, flatten(e)...)
		}
		return out
	}
	return []error{err}
}

// suggest is the end of an "unknown" line: the closest known name, if any is close.
func suggest(name string, known []string) string {
	best, distance := "", len(strings.TrimPrefix(name, envPrefix))/3+1 // what all have says nothing
	slices.Sort(known)
	for _, k := range known {
		if d := editDistance(name, k); d <= distance && (best == "" || d < distance) {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return ", did you mean " + best + "?"
}

// editDistance is Levenshtein's, in bytes. Both names are short.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
