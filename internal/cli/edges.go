package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/apiclient"
)

// clearScreen is ECMA-48: cursor home, then erase what is below a frame.
const (
	cursorHome = "\x1b[H"
	clearAll   = "\x1b[2J"
	clearToEnd = "\x1b[K"
	clearBelow = "\x1b[J"
)

func edgesCommand(version string) *cobra.Command {
	o := &options{version: version}
	var watch bool
	var interval time.Duration
	cmd := &cobra.Command{Use: "edges", Short: "list the edges: state, lag, load"}
	leaf(cmd, o, func(cmd *cobra.Command, _ []string) error {
		if interval < 100*time.Millisecond || interval > time.Hour {
			return usage("--interval: want 100ms to 1h")
		}
		t, err := o.target(cmd)
		if err != nil {
			return err
		}
		if watch {
			return t.watchEdges(cmd, interval)
		}
		fleet, err := t.fleet(cmd.Context())
		if err != nil {
			return err
		}
		return t.out.print(fleet, edgeRows(fleet))
	})
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "go on, redrawn in place; with -o json one line each time")
	cmd.Flags().DurationVar(&interval, "interval", time.Second, "how often, with --watch")
	return cmd
}

func (t *target) fleet(ctx context.Context) (f apiclient.Fleet, err error) {
	err = t.asAdmin(ctx, func(c *apiclient.Client) (err error) {
		f, err = c.Fleet(ctx)
		return err
	})
	return f, err
}

// watchEdges shows the edges until ctx ends. The first answer must be good;
// what fails later is shown, and tried again.
func (t *target) watchEdges(cmd *cobra.Command, interval time.Duration) error {
	ctx := cmd.Context()
	for first := true; ; first = false {
		fleet, err := t.fleet(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && first:
			return err
		case t.out.json && err != nil:
			fmt.Fprintln(cmd.ErrOrStderr(), err)
		case t.out.json:
			err = json.NewEncoder(t.out.w).Encode(fleet)
		default:
			err = t.drawEdges(fleet, err, first)
		}
		if err != nil && t.out.json && ctx.Err() != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(interval):
		}
	}
}

// drawEdges draws one frame: over the last one on a terminal, else below it.
func (t *target) drawEdges(fleet apiclient.Fleet, failed error, first bool) error {
	var frame bytes.Buffer
	fmt.Fprintf(&frame, "%s  %s\n", t.client.Issuer, at(time.Now()))
	if failed != nil {
		fmt.Fprintln(&frame, printable(failed.Error()))
	} else if err := writeTable(&frame, edgeRows(fleet)); err != nil {
		return err
	}
	text := frame.String()
	if _, ok := terminal(t.out.w); ok {
		text = cursorHome + strings.ReplaceAll(text, "\n", clearToEnd+"\n") + clearBelow
		if first {
			text = clearAll + text
		}
	}
	_, err := fmt.Fprint(t.out.w, text)
	return err
}

func edgeRows(f apiclient.Fleet) [][]string {
	rows := [][]string{{"EDGE", "STATE", "LAG", "FRESH", "BOUND", "APPLIED", "ENTRIES", "MODE", "STORE", "FALLBACK", "PER SECOND", "REGION", "VERSION", "SEEN", "URL"}}
	for _, e := range f.Edges {
		rows = append(rows, []string{
			e.ID, stateText(e), lagText(e), freshText(e.FreshAgeMS), boundText(e.StalenessMS), strconv.FormatUint(e.AppliedSeq, 10),
			strconv.Itoa(e.Entries), e.Mode, e.Store,
			fmt.Sprintf("%.1f%%", 100*e.FallbackShare), fmt.Sprintf("%.0f", e.DecisionsPerSecond), e.Region, e.Version,
			span(e.SilentMS) + " ago", or(e.URL),
		})
	}
	return rows
}

func stateText(e apiclient.FleetEdge) string {
	if e.Doubt {
		return e.State + ", in doubt"
	}
	return e.State
}

func boundText(ms int64) string {
	if ms <= 0 {
		return "unknown"
	}
	return span(ms)
}

func lagText(e apiclient.FleetEdge) string {
	switch e.LagMessages {
	case -1:
		return "another log"
	case 0:
		return "none"
	}
	return fmt.Sprintf("%d, %s", e.LagMessages, span(e.LagMS))
}

func freshText(ms int64) string {
	if ms < 0 {
		return "never"
	}
	return span(ms) + " ago"
}

// span is a number of milliseconds as people say it.
func span(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	if d < 10*time.Second {
		return d.String()
	}
	return d.Round(time.Second).String()
}
