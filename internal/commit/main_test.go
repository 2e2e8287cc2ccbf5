package commit_test

import (
	"os"
	"runtime"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// The race detector of Go 1.26 now and then crashes when bubbles of
// testing/synctest run on several processors (golang/go issue 78156). It needs
// no parallelism to find a race: it looks at what happens before what.
func TestMain(m *testing.M) {
	if testenv.RaceEnabled {
		runtime.GOMAXPROCS(1)
	}
	os.Exit(m.Run())
}
