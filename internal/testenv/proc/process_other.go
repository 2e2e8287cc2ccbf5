//go:build unix && !linux

package proc

import "syscall"

func dieWithParent(*syscall.SysProcAttr) {}

// reap waits for the end. Unlike on Linux, there is a moment in which a
// signal could reach another process that was given the same id.
func (r *run) reap() {
	r.cmd.Wait() // the outcome is in cmd.ProcessState
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reaped = true
}

// awaitStop cannot tell when every thread has stopped.
func (r *run) awaitStop() error { return nil }
