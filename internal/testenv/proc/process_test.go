//go:build unix

package proc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv/poll"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

func shell(t *testing.T, script string, env ...string) *proc.Process {
	t.Helper()
	p, err := proc.Start(proc.Spec{
		Name: "sh", Path: "/bin/sh", Args: []string{"-c", script}, Env: env,
		LogFile: filepath.Join(t.TempDir(), "log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill() })
	return p
}

func eventually(t *testing.T, cond func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := poll.Until(ctx, cond); err != nil {
		t.Fatal(err)
	}
}

func logs(p *proc.Process, want string) func() error {
	return func() error {
		if got := p.Log(); !strings.Contains(got, want) {
			return fmt.Errorf("no %q in the log: %q", want, got)
		}
		return nil
	}
}

func TestExitCodeAndLog(t *testing.T) {
	p := shell(t, "echo out; echo err >&2; exit 7")
	if code, err := p.Wait(t.Context()); err != nil || code != 7 {
		t.Fatalf("got %d, %v, want 7", code, err)
	}
	if got := p.Log(); got != "out\nerr\n" {
		t.Fatalf("log %q", got)
	}
	if err := p.Pause(); !errors.Is(err, proc.ErrNotRunning) {
		t.Fatalf("signal to a dead process: %v", err)
	}
}

func TestEnvironmentIsClean(t *testing.T) {
	t.Setenv("CURFEW_LISTEN", "parent")
	p := shell(t, `echo "[$CURFEW_LISTEN][$CURFEW_REGION]"`, "CURFEW_REGION=child")
	if _, err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := p.Log(); got != "[][child]\n" {
		t.Fatalf("log %q", got)
	}
}

func TestStdoutApart(t *testing.T) {
	var out bytes.Buffer
	p, err := proc.Start(proc.Spec{
		Name: "sh", Path: "/bin/sh", Args: []string{"-c", "echo out; echo err >&2"},
		LogFile: filepath.Join(t.TempDir(), "log"), Stdout: &out,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if out.String() != "out\n" || p.Log() != "err\n" {
		t.Fatalf("standard output %q, log %q", out.String(), p.Log())
	}
}

func TestStop(t *testing.T) {
	p := shell(t, `trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done`)
	eventually(t, logs(p, "ready"))
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, _ := p.Wait(t.Context()); code != 3 || !strings.Contains(p.Log(), "bye") {
		t.Fatalf("exit code %d, log %q", code, p.Log())
	}
}

func TestStopKillsTheDeaf(t *testing.T) {
	p := shell(t, `trap '' TERM; echo ready; while :; do sleep 0.05; done`)
	eventually(t, logs(p, "ready"))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := p.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want an error that says it had to be killed", err)
	}
	if p.Running() {
		t.Fatal("still running")
	}
}

func TestPauseResume(t *testing.T) {
	p := shell(t, `while :; do echo tick; sleep 0.01; done & echo "pid $!."; wait`)
	eventually(t, logs(p, "tick"))
	var grandchild int
	eventually(t, func() error {
		_, text, _ := strings.Cut(p.Log(), "pid")
		_, err := fmt.Sscanf(text, "%d.", &grandchild)
		return err
	})
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return inState(p.Pid(), "T") })
	// D: the shell had just called vfork, and waits for a child that is stopped.
	// A shell that runs is in that state too, but not at 20 looks in a row.
	eventually(t, func() error {
		for range 20 {
			if err := inState(grandchild, "TD"); err != nil {
				return err
			}
			<-time.After(2 * time.Millisecond)
		}
		return nil
	})
	if err := p.Resume(); err != nil {
		t.Fatal(err)
	}
	before := len(p.Log())
	eventually(t, func() error {
		if len(p.Log()) == before {
			return errors.New("no further tick")
		}
		return nil
	})
}

// inState reports an error unless the process is in one of the states, which
// are named by a letter each.
func inState(pid int, states string) error {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) {
		return nil // gone, or not Linux: nothing to compare with
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	if rest == "" || !strings.Contains(states, rest[:1]) {
		return fmt.Errorf("state %.1s, want one of %s", rest, states)
	}
	return err
}

func TestKillReachesGrandchildren(t *testing.T) {
	p := shell(t, `sleep 1000 & echo "pid $!."; wait`)
	eventually(t, logs(p, "."))
	var grandchild int
	if _, err := fmt.Sscanf(p.Log(), "pid %d.", &grandchild); err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return gone(grandchild) })
}

// A process that ends by itself takes what it started with it (on Linux).
func TestEndReachesGrandchildren(t *testing.T) {
	p := shell(t, `sleep 1000 & echo "pid $!."`)
	if _, err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	var grandchild int
	if _, err := fmt.Sscanf(p.Log(), "pid %d.", &grandchild); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return gone(grandchild) })
}

// gone is satisfied by a zombie too: in a container nobody may reap orphans.
func gone(pid int) error {
	if syscall.Kill(pid, 0) != nil || inState(pid, "Z") == nil {
		return nil
	}
	return errors.New("the grandchild lives on")
}

func TestRestart(t *testing.T) {
	p := shell(t, "echo run; sleep 1000")
	eventually(t, logs(p, "run\n"))
	if err := p.Restart(); err == nil {
		t.Fatal("restarted a running process")
	}
	first := p.Pid()
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if code, _ := p.Wait(t.Context()); code != -1 {
		t.Fatalf("exit code %d after SIGKILL, want -1", code)
	}
	if err := p.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, logs(p, "run\nrun\n"))
	if p.Pid() == first || !p.Running() {
		t.Fatal("not a new run")
	}
}

func TestNoSuchProgram(t *testing.T) {
	_, err := proc.Start(proc.Spec{Name: "ghost", Path: "/nonexistent", LogFile: filepath.Join(t.TempDir(), "log")})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "ghost") {
		t.Fatalf("got %v", err)
	}
}
