package proc

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// dieWithParent lets the kernel kill the child when its parent is gone,
// however it ended: no server is left behind by a crashed test.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// reap waits for the end and then kills what the process has left behind. The
// process is still a zombie at that moment, so its group id cannot have been
// given to anybody else.
func (r *run) reap() {
	pid := r.cmd.Process.Pid
	for errors.Is(unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	syscall.Kill(-pid, syscall.SIGKILL)
	r.cmd.Wait() // the outcome is in cmd.ProcessState
	r.reaped = true
}

// awaitStop waits until every thread has stopped, or the process has ended. The
// signal alone does not say so: on a busy machine a thread runs on for a while.
func (r *run) awaitStop() error {
	for {
		err := unix.Waitid(unix.P_PID, r.cmd.Process.Pid, nil, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT, nil)
		switch {
		case errors.Is(err, unix.ECHILD):
			return ErrNotRunning // it has ended and was reaped
		case !errors.Is(err, unix.EINTR):
			return err
		}
	}
}
