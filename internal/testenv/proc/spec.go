package proc

import (
	"errors"
	"io"
	"os"
	"strings"
)

// ErrNotRunning is returned when a signal is sent to a process that has
// ended, and by waits for a process that ended instead.
var ErrNotRunning = errors.New("proc: not running")

// A Spec says how to start a process, any number of times.
type Spec struct {
	Name string // for logs and errors
	Path string // the program
	Args []string
	Env  []string // KEY=value, added to the parent's without its CURFEW_*
	Dir  string   // working directory; empty: the parent's
	// LogFile takes standard output and error, appended at every start.
	LogFile string
	// Stdout, when set, takes the standard output instead of the log.
	Stdout io.Writer
}

// environ is what a child sees. The parent's own settings stay out, so that
// a developer's shell cannot change what a test means.
func (s Spec) environ() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "CURFEW_") {
			env = append(env, kv)
		}
	}
	return append(env, s.Env...)
}
