// Package ceiling keeps a test that hangs from holding up all others until the
// time limit of go test, which is as long as the longest package needs and
// names no test.
package ceiling

import (
	"fmt"
	"runtime/debug"
	"testing"
	"time"
)

// Of ends the whole test process, with the stacks of all goroutines, when the
// test and the cleanups that are registered from now on take longer than limit.
// Nothing less ends a test whose cleanup hangs. The limit is against hangs: let
// it be many times what the test takes.
func Of(t testing.TB, limit time.Duration) {
	t.Helper()
	timer := time.AfterFunc(limit, func() {
		debug.SetTraceback("all")
		panic(fmt.Sprintf("%s hangs: it is not over after %v", t.Name(), limit))
	})
	t.Cleanup(func() { timer.Stop() })
}
