//go:build unix

package proc

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// A run is one life of a process.
type run struct {
	cmd  *exec.Cmd
	log  *os.File
	done chan struct{} // closed when the process has been reaped

	mu     sync.Mutex // held for signals and for reaping, so that none hits a reused pid
	reaped bool
}

func start(spec Spec) (*run, error) {
	log, err := os.OpenFile(spec.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(spec.Path, spec.Args...)
	cmd.Env, cmd.Dir = spec.environ(), spec.Dir
	cmd.Stdout, cmd.Stderr = log, log
	if spec.Stdout != nil {
		cmd.Stdout = spec.Stdout
	}
	cmd.WaitDelay = 2 * time.Second // for copying to Stdout when a grandchild keeps the pipe
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(cmd.SysProcAttr)

	r := &run{cmd: cmd, log: log, done: make(chan struct{})}
	started := make(chan error)
	go r.live(started)
	return r, <-started
}

// live starts the process and waits for its end on one locked thread: Linux
// kills a child whose parent *thread* ends, see dieWithParent.
func (r *run) live(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer r.log.Close()
	err := r.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	r.reap()
	close(r.done)
}

// signal signals the process and all it has started.
func (r *run) signal(sig syscall.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reaped {
		return ErrNotRunning
	}
	if err := syscall.Kill(-r.cmd.Process.Pid, sig); !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return ErrNotRunning
}

func (r *run) alive() bool {
	select {
	case <-r.done:
		return false
	default:
		return true
	}
}
