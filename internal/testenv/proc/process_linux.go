package proc

import (
	"context"
	"errors"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/curfew-auth/curfew/internal/testenv/poll"
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

// stopLimit bounds the wait for a stop: a process that waits for a child it has just
// made, by vfork, and that was stopped with it, never stops itself, and does nothing.
const stopLimit = 2 * time.Second

// awaitStop waits until every thread has stopped, or the process has ended. The
// signal alone does not say so: on a busy machine a thread runs on for a while.
func (r *run) awaitStop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	err := poll.Until(ctx, func() error {
		var what unix.Siginfo
		err := unix.Waitid(unix.P_PID, r.cmd.Process.Pid, &what, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.ECHILD):
			return poll.Stop(ErrNotRunning) // it has ended and was reaped
		case err == nil && what.Signo == 0:
			return errRuns
		}
		return err
	})
	if errors.Is(err, errRuns) {
		return nil
	}
	return err
}

var errRuns = errors.New("proc: a thread runs")
