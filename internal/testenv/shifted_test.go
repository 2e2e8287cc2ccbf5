//go:build unix

package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestShiftedClock shows that the shift works: without that, the fault would
// show nothing.
func TestShiftedClock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	Must(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(
		"package main\n\nimport \"time\"\n\nfunc main() { println(time.Now().Unix()) }\n"), 0o600))
	out, err := exec.Command("go", "build", "-overlay", writeOverlay(t, dir), "-o", dir+"/now", dir+"/main.go").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(filepath.Join(dir, "now"))
	cmd.Env = append(os.Environ(), clockOffset+"=-420")
	out, err = cmd.CombinedOutput()
	Must(t, err)
	var got int64
	if _, err := fmt.Sscan(string(out), &got); err != nil {
		t.Fatal(err)
	}
	if off := got - time.Now().Unix(); off < -425 || off > -415 {
		t.Errorf("clock is off by %d s, want -420", off)
	}
}
