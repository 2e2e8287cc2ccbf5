package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// terminal is the file behind a stream if that is a terminal.
func terminal(stream any) (*os.File, bool) {
	f, ok := stream.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// interactive reports whether a person sits at standard input.
func interactive(cmd *cobra.Command) bool {
	_, ok := terminal(cmd.InOrStdin())
	return ok
}

// ask reads one line, after a prompt if somebody is there to see it.
func ask(cmd *cobra.Command, in *bufio.Reader, prompt string) (string, error) {
	if interactive(cmd) {
		fmt.Fprint(cmd.ErrOrStderr(), prompt)
	}
	return unlessStopped(cmd.Context(), func() (string, error) {
		line, err := in.ReadString('\n')
		if err != nil && (!errors.Is(err, io.EOF) || line == "") {
			return "", err
		}
		return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), nil
	})
}

// askSecret is ask for what must not be shown.
func askSecret(cmd *cobra.Command, in *bufio.Reader, prompt string) (string, error) {
	f, ok := terminal(cmd.InOrStdin())
	if !ok {
		return ask(cmd, in, "")
	}
	shown, err := term.GetState(int(f.Fd()))
	if err != nil {
		return "", err
	}
	defer func() { _ = term.Restore(int(f.Fd()), shown) }() // also after Ctrl-C
	fmt.Fprint(cmd.ErrOrStderr(), prompt)
	defer fmt.Fprintln(cmd.ErrOrStderr())
	return unlessStopped(cmd.Context(), func() (string, error) {
		secret, err := term.ReadPassword(int(f.Fd()))
		return string(secret), err
	})
}

// unlessStopped reads, and stops waiting when ctx ends. The read itself cannot
// be stopped; the process ends soon.
func unlessStopped(ctx context.Context, read func() (string, error)) (string, error) {
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := read()
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		return r.text, r.err
	case <-ctx.Done():
		return "", errInterrupted
	}
}

var errInterrupted = errors.New("interrupted: nothing was changed")

// unread is the error for what should have come from standard input.
func unread(what string, err error) error {
	if errors.Is(err, errInterrupted) {
		return err
	}
	return usage("no %s on standard input", what)
}

// confirm asks before something that cannot be taken back.
func confirm(cmd *cobra.Command, what string) error {
	if !interactive(cmd) {
		return usage("%s; to go on without a terminal, add --yes", what)
	}
	answer, err := ask(cmd, bufio.NewReader(cmd.InOrStdin()), what+". Type yes to go on: ")
	if err != nil || strings.TrimSpace(answer) != "yes" {
		return errors.New("not confirmed: nothing was changed")
	}
	return nil
}
