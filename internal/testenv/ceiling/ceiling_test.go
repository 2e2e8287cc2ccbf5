package ceiling_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv/ceiling"
)

// TestHangs hangs, in its cleanup, when TestOf runs it in a process of its own.
func TestHangs(t *testing.T) {
	if os.Getenv("CEILING_TEST_HANGS") == "" {
		ceiling.Of(t, time.Minute) // and is over long before
		return
	}
	ceiling.Of(t, 10*time.Millisecond)
	t.Cleanup(hang)
}

func hang() { <-make(chan struct{}) }

// A hang ends soon, and the output says which test it was and where.
func TestOf(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestHangs$", "-test.timeout", "1m")
	cmd.Env = append(os.Environ(), "CEILING_TEST_HANGS=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "TestHangs hangs") || !strings.Contains(string(out), "ceiling_test.hang") {
		t.Errorf("%v\n%s", err, out)
	}
}
