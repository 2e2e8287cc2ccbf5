package proc_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

// TestMain lets the test binary stand in for a parent that gets killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("PROC_TEST_PARENT"); dir != "" {
		parent(dir)
	}
	os.Exit(m.Run())
}

func parent(dir string) {
	child, err := proc.Start(proc.Spec{
		Name: "child", Path: "/bin/sleep", Args: []string{"1000"},
		LogFile: filepath.Join(dir, "child.log"),
	})
	fmt.Println("child", child.Pid(), err)
	<-child.Done()
}

func TestChildDiesWithItsParent(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p, err := proc.Start(proc.Spec{
		Name: "parent", Path: self, Env: []string{"PROC_TEST_PARENT=" + dir},
		LogFile: filepath.Join(dir, "parent.log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	eventually(t, logs(p, "<nil>"))
	var child int
	if _, err := fmt.Sscanf(p.Log(), "child %d", &child); err != nil {
		t.Fatal(err)
	}
	if gone(child) == nil {
		t.Fatal("the child never lived")
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return gone(child) })
}
