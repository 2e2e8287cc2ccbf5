package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/apiclient"
)

const maxWait = 90 * time.Second // as the issuer takes

// waiting is the flags of what revokes.
type waiting struct{ apiclient.Wait }

func (w *waiting) bind(cmd *cobra.Command) {
	cmd.Flags().StringVar(&w.For, "wait", "commit", "commit: it cannot be lost any more; confirmed: every live edge has it; enforced: no edge can accept any more")
	cmd.Flags().DurationVar(&w.Timeout, "timeout", 0, "how long to wait for the edges (default: the issuer's, 2s)")
	_ = cmd.RegisterFlagCompletionFunc("wait", cobra.FixedCompletions([]string{"commit", "confirmed", "enforced"}, cobra.ShellCompDirectiveNoFileComp))
}

func (w *waiting) check() (apiclient.Wait, error) {
	switch {
	case w.For != "commit" && w.For != "confirmed" && w.For != "enforced":
		return apiclient.Wait{}, usage("--wait: want commit, confirmed or enforced")
	case w.Timeout < 0 || w.Timeout > maxWait:
		return apiclient.Wait{}, usage("--timeout: want up to %v", maxWait)
	case w.Timeout > 0 && w.For == "commit":
		return apiclient.Wait{}, usage("--timeout goes with --wait confirmed or enforced")
	}
	return w.Wait, nil
}

// printReceipt shows what has become of a revocation. The error is an
// *Unconfirmed if that is less than what was waited for.
func (t *target) printReceipt(r apiclient.Receipt, wait apiclient.Wait) error {
	if err := t.out.print(r, receiptRows(r)); err != nil {
		return err
	}
	return unconfirmed(r, wait)
}

func receiptRows(r apiclient.Receipt) [][]string {
	rows := [][]string{
		{"revocation", r.RevocationID}, {"scope", r.Scope}, {"id", r.ID}, {"status", r.Status},
		{"seq", strconv.FormatUint(r.Seq, 10)}, {"took", ms(r.ElapsedMS)},
	}
	if r.Scope == "device" {
		rows = append(rows, []string{"sessions", strconv.Itoa(len(r.Receipts))})
	}
	if e := r.Edges; e != nil {
		rows = append(rows, []string{"edges", fmt.Sprintf("%d of %d confirmed", e.Confirmed, e.Expected)},
			[]string{"missing", or(strings.Join(e.Missing, ", "))}, []string{"enforced", yes(r.Enforced)})
		if len(e.Stateless) > 0 {
			rows = append(rows, []string{"stateless", strings.Join(e.Stateless, ", ")})
		}
	}
	return rows
}

// unconfirmed is nil if what was waited for has come.
func unconfirmed(r apiclient.Receipt, wait apiclient.Wait) error {
	switch e := r.Edges; {
	case !r.Committed():
		return &Unconfirmed{"accepted, but store and log do not both have it yet: an issuer completes it as soon as both can be reached"}
	case wait.For == "commit", r.Enforced:
		return nil
	case e == nil:
		return &Unconfirmed{"committed; the issuer does not say which edges have it"}
	case wait.For == "confirmed" && e.Confirmed >= e.Expected:
		return nil
	default:
		return &Unconfirmed{"committed, but not confirmed in time: " + missingText(*e)}
	}
}

func missingText(e apiclient.Confirmation) string {
	if len(e.Missing) == 0 {
		return fmt.Sprintf("%d of %d edges have it", e.Confirmed, e.Expected)
	}
	return printable("no word from " + strings.Join(e.Missing, ", "))
}

func dryRunRows(d apiclient.DryRun) [][]string {
	verb := "would end"
	if d.Mode == "refresh" {
		verb = "would need new access tokens"
	}
	return [][]string{{"scope", d.Scope}, {"id", d.ID}, {verb, fmt.Sprintf("%d sessions", d.Sessions)}}
}
