package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/apiclient"
	"github.com/curfew-auth/curfew/internal/cli/contexts"
	"github.com/curfew-auth/curfew/internal/cli/doctor"
)

func doctorCommand(version string) *cobra.Command {
	o := &options{version: version}
	var edges []string
	var patience time.Duration
	cmd := &cobra.Command{
		Use: "doctor", Short: "check store, log, clocks, keys and every edge, with a login and a revocation",
		Long: "Check the whole chain: issuer, store, log, clocks, keys, and every edge; open a session for a user that\n" +
			"does not exist, see that every edge accepts it, revoke it, and see that every edge refuses. It takes an\n" +
			"admin with the roles read, sessions and revoke; what is not allowed is skipped. Exit code 1 if something\n" +
			"is broken. Edges are those of the context, of --edge, and those that tell the issuer their edge_url.",
	}
	leaf(cmd, o, func(cmd *cobra.Command, _ []string) error {
		for _, e := range edges {
			if err := contexts.CheckURL(e); err != nil {
				return usage("--edge: %v", err)
			}
		}
		if patience < time.Second || patience > maxWait {
			return usage("--timeout: want 1s to %v", maxWait)
		}
		t, err := o.target(cmd)
		if err != nil {
			return err
		}
		return t.examine(cmd, append(t.known.Edges, edges...), patience)
	})
	cmd.Flags().StringArrayVar(&edges, "edge", nil, "`URL` of an edge; any number of times")
	cmd.Flags().DurationVar(&patience, "timeout", 5*time.Second, "how long an edge may take to apply a revocation: the cluster's staleness")
	return cmd
}

func (t *target) examine(cmd *cobra.Command, edges []string, patience time.Duration) error {
	as, err := t.admin(cmd.Context())
	if err != nil {
		return err
	}
	var found []doctor.Finding
	_ = inSteps(cmd, "examining the cluster", func(ctx context.Context, say func(string)) error {
		found = doctor.Examine(ctx, doctor.Config{Issuer: as, Edges: edges, Patience: patience, Version: t.version, Progress: say})
		return ctx.Err()
	})
	if err := context.Cause(cmd.Context()); err != nil {
		return err
	}
	bad := diagnosis(found)
	v := map[string]any{"healthy": bad == nil, "findings": found}
	if err := t.out.print(v, findingRows(found)); err != nil {
		return err
	}
	return bad
}

// admin is a client for admin calls that last a while. Without any right it
// may still look at what is public.
func (t *target) admin(ctx context.Context) (as *apiclient.Client, err error) {
	if t.client.Bearer != "" || t.known.Session == nil {
		return t.client, nil
	}
	access, err := t.access(ctx, "")
	copied := *t.client
	copied.Bearer = access
	return &copied, err
}

func findingRows(list []doctor.Finding) [][]string {
	rows := [][]string{{"CHECK", "OF", "RESULT", ""}}
	for _, f := range list {
		rows = append(rows, []string{f.Check, f.Who, string(f.Result), f.Text})
		if f.Do != "" && f.Result != doctor.OK {
			rows = append(rows, []string{"", "", "", "> " + f.Do})
		}
	}
	return rows
}

// diagnosis names what is broken, or could not be looked at for lack of
// rights; nil means health.
func diagnosis(found []doctor.Finding) error {
	if broken := names(found, doctor.Failed, doctor.Checks); broken != "" {
		return errors.New("broken: " + broken)
	}
	if unseen := names(found, doctor.Skipped, []string{"store", "log"}); unseen != "" {
		return errors.New("nothing seems broken, but what matters could not be looked at: " + unseen)
	}
	return nil
}

func names(found []doctor.Finding, result doctor.Result, checks []string) string {
	var list []string
	for _, f := range found {
		if f.Result == result && slices.Contains(checks, f.Check) {
			list = append(list, printable(f.Check+" of "+f.Who))
		}
	}
	return strings.Join(list, ", ")
}
