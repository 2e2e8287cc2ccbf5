//go:build unix

package backend

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/curfew-auth/curfew/internal/testenv/poll"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

// errPortTaken: somebody else bound the port that had been free.
var errPortTaken = errors.New("backend: port taken")

// startAttempts bounds how often other ports are tried.
const startAttempts = 5

// retryTaken calls start until it fails for another reason than a taken port.
func retryTaken(start func() error) error {
	var err error
	for range startAttempts {
		if err = start(); !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return err
}

// awaitReady waits until ready returns nil, and gives up when the process
// has ended.
func awaitReady(ctx context.Context, p *proc.Process, ready func(context.Context) error) error {
	err := poll.Until(ctx, func() error {
		if !p.Running() {
			return poll.Stop(died(p))
		}
		return ready(ctx)
	})
	if err != nil {
		return fmt.Errorf("backend: %s is not ready: %w", p.Name(), err)
	}
	return nil
}

// died tells why a server ended while it was starting. Both servers report a
// taken port in the words of the C library.
func died(p *proc.Process) error {
	log := p.Log()
	if strings.Contains(strings.ToLower(log), "address already in use") {
		return fmt.Errorf("%w: %s", errPortTaken, log)
	}
	return fmt.Errorf("%w: %s", proc.ErrNotRunning, log)
}

// spawn writes a configuration and starts a server on it. The log starts
// anew, so that an earlier attempt's complaint is not taken for this one's.
func spawn(spec proc.Spec, configFile, config string) (*proc.Process, error) {
	if err := os.MkdirAll(spec.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(spec.Dir, configFile), []byte(config), 0o600); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(spec.LogFile); err != nil {
		return nil, err
	}
	return proc.Start(spec)
}

// wipe deletes what a stopped server has stored.
func wipe(p *proc.Process, data string) error {
	if p.Running() {
		return fmt.Errorf("backend: %s: wiped while running", p.Name())
	}
	return os.RemoveAll(data)
}
