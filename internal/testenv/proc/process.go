//go:build unix

package proc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
)

// A Process is one run after another of the same Spec. It is made by Start.
type Process struct {
	spec Spec

	mu  sync.Mutex // guards run; held while starting
	run *run
}

// Start starts the process.
func Start(spec Spec) (*Process, error) {
	p := &Process{spec: spec}
	if err := p.Restart(); err != nil {
		return nil, err
	}
	return p, nil
}

// Restart starts the process again. It must have ended.
func (p *Process) Restart() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run != nil && p.run.alive() {
		return fmt.Errorf("proc: %s: still running", p.spec.Name)
	}
	r, err := start(p.spec)
	if err != nil {
		return fmt.Errorf("proc: %s: %w", p.spec.Name, err)
	}
	p.run = r
	return nil
}

// Kill ends the process with SIGKILL, as a crash would, and waits until it is
// gone. It does nothing to a process that has ended.
func (p *Process) Kill() error {
	r := p.current()
	if err := r.signal(syscall.SIGKILL); err != nil && !errors.Is(err, ErrNotRunning) {
		return err
	}
	<-r.done
	return nil
}

// Stop asks the process to end with SIGTERM and waits for it. When ctx ends
// first, the process is killed and that is an error.
func (p *Process) Stop(ctx context.Context) error {
	r := p.current()
	err := r.signal(syscall.SIGTERM)
	if errors.Is(err, ErrNotRunning) {
		return nil
	}
	r.signal(syscall.SIGCONT) // a paused process would not hear it
	select {
	case <-r.done:
		return err
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("proc: %s: killed, ignored SIGTERM: %w", p.spec.Name, context.Cause(ctx)), p.Kill())
	}
}

// Signal sends a signal to the process and to all it has started.
func (p *Process) Signal(sig syscall.Signal) error { return p.current().signal(sig) }

// Pause stops the process as SIGSTOP does; its sockets stay open. It returns once
// no thread of the process runs. Nobody may resume the process meanwhile.
func (p *Process) Pause() error {
	r := p.current()
	if err := r.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return r.awaitStop()
}

// Resume lets a paused process go on.
func (p *Process) Resume() error { return p.Signal(syscall.SIGCONT) }

// Done is closed when the present run has ended.
func (p *Process) Done() <-chan struct{} { return p.current().done }

// Running reports whether the process lives, paused or not.
func (p *Process) Running() bool { return p.current().alive() }

// Pid is the process id of the present or last run.
func (p *Process) Pid() int { return p.current().cmd.Process.Pid }

// Wait waits for the end of the present run and returns its exit code, -1
// when a signal ended it.
func (p *Process) Wait(ctx context.Context) (int, error) {
	r := p.current()
	select {
	case <-r.done:
		return r.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("proc: %s: still running: %w", p.spec.Name, context.Cause(ctx))
	}
}

// Log returns the end of the log of all runs, at most the last 64 KiB.
func (p *Process) Log() string {
	const limit = 64 << 10
	f, err := os.Open(p.spec.LogFile)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > limit {
		f.Seek(-limit, io.SeekEnd)
	}
	text, _ := io.ReadAll(io.LimitReader(f, limit))
	return string(text)
}

// Name is the name from the Spec.
func (p *Process) Name() string { return p.spec.Name }

func (p *Process) current() *run {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.run
}
