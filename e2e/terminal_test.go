package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// A terminal is one on which a command runs, with a person before it.
type terminal struct {
	t     *testing.T
	cmd   *exec.Cmd
	pty   *os.File
	ended chan struct{}

	mu   sync.Mutex
	text bytes.Buffer // all that was shown
	seen int          // how much of it has been waited for
}

func onTerminal(t *testing.T, c command) *terminal {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, c.path, c.args...)
	cmd.Env = append(os.Environ(), c.env...)
	file, err := pty.Start(cmd)
	testenv.Must(t, err)
	term := &terminal{t: t, cmd: cmd, pty: file, ended: make(chan struct{})}
	go term.read()
	t.Cleanup(func() { file.Close(); <-term.ended })
	return term
}

// read ends with the command: the terminal has then nobody at its other end.
func (m *terminal) read() {
	defer close(m.ended)
	for part := make([]byte, 4096); ; {
		n, err := m.pty.Read(part)
		m.mu.Lock()
		m.text.Write(part[:n])
		m.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (m *terminal) shown() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text.String()
}

// awaits waits until the text is shown, after what was waited for before.
func (m *terminal) awaits(text string) {
	m.t.Helper()
	testenv.Eventually(m.t, patience, func() error {
		all := m.shown()
		at := strings.Index(all[m.seen:], text)
		if at < 0 {
			return fmt.Errorf("no %q in %q", text, all)
		}
		m.seen += at + len(text)
		return nil
	})
}

func (m *terminal) types(text string) {
	m.t.Helper()
	_, err := m.pty.WriteString(text)
	testenv.Must(m.t, err)
}

func (m *terminal) exits(code int) {
	m.t.Helper()
	err := m.cmd.Wait()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		m.t.Fatal(err)
	}
	select {
	case <-m.ended:
	case <-time.After(patience):
		m.t.Error("somebody else has the terminal")
	}
	if got := m.cmd.ProcessState.ExitCode(); got != code {
		m.t.Errorf("exit code %d, want %d: %q", got, code, m.shown())
	}
}
