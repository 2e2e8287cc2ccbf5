package cli

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
)

const (
	progressAfter = 400 * time.Millisecond // what is faster needs no words
	progressEvery = 100 * time.Millisecond
	// clearLine is carriage return and ECMA-48's "erase in line".
	clearLine = "\r\x1b[K"
)

// during does something that may take long, and says on standard error what
// and since when: redrawn on a terminal, else once.
func during(cmd *cobra.Command, what string, do func(context.Context) error) error {
	return inSteps(cmd, what, func(ctx context.Context, _ func(string)) error { return do(ctx) })
}

// inSteps is during for what can say how far it is.
func inSteps(cmd *cobra.Command, what string, do func(ctx context.Context, say func(string)) error) error {
	var step atomic.Pointer[string]
	step.Store(&what)
	done := make(chan error, 1)
	go func() { done <- do(cmd.Context(), func(text string) { step.Store(&text) }) }()
	select {
	case err := <-done:
		return err
	case <-time.After(progressAfter):
	}
	if _, ok := terminal(cmd.ErrOrStderr()); !ok {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s …\n", what)
		return <-done
	}
	return redrawn(cmd, &step, done)
}

func redrawn(cmd *cobra.Command, step *atomic.Pointer[string], done <-chan error) error {
	start := time.Now().Add(-progressAfter)
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	defer fmt.Fprint(cmd.ErrOrStderr(), clearLine)
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			fmt.Fprintf(cmd.ErrOrStderr(), "%s%s … %.1f s", clearLine, *step.Load(), time.Since(start).Seconds())
		}
	}
}
