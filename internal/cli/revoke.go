package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/apiclient"
)

var scopes = []string{"token", "session", "device", "user", "tenant", "all", "key"}

type revocation struct {
	apiclient.Revocation
	wait waiting
	yes  bool
}

func revokeCommand(version string) *cobra.Command {
	o := &options{version: version}
	var r revocation
	cmd := &cobra.Command{
		Use: "revoke scope [id]", Short: "end a token, session, device, user, tenant, key, or all",
		Long: "End one of anything, everywhere. The id is a jti, a session id, a device id (with --user), a user id,\n" +
			"a tenant or a kid; all takes none. tenant and all ask before they act.",
		Example:           "  curfew revoke user u-alice --reason 'phone stolen' --wait confirmed\n  curfew revoke all --dry-run",
		ValidArgsFunction: cobra.FixedCompletions(scopes, cobra.ShellCompDirectiveNoFileComp),
	}
	leaf(cmd, o, func(cmd *cobra.Command, args []string) error {
		if err := r.read(args); err != nil {
			return err
		}
		wait, err := r.wait.check()
		if err != nil {
			return err
		}
		t, err := o.target(cmd)
		if err != nil {
			return err
		}
		return t.revoke(cmd, r, wait)
	}, "scope", "[id]")
	r.bind(cmd)
	return cmd
}

func (r *revocation) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&r.Tenant, "tenant", "", "`tenant` of the user or of the device's user")
	f.StringVar(&r.User, "user", "", "`id` of the device's user")
	f.StringVar(&r.Mode, "mode", "end", "end, or refresh: sessions live, and need new access tokens (user, tenant, all)")
	f.StringVar(&r.Issuer, "token-issuer", "", "`URL` of the issuer of the tokens, if that is one of trusted_issuers")
	f.StringVar(&r.Reason, "reason", "", "`text` for the trail")
	f.BoolVar(&r.DryRun, "dry-run", false, "change nothing, say how many sessions it would end")
	f.BoolVar(&r.yes, "yes", false, "do not ask")
	r.wait.bind(cmd)
	_ = cmd.RegisterFlagCompletionFunc("mode", cobra.FixedCompletions([]string{"end", "refresh"}, cobra.ShellCompDirectiveNoFileComp))
}

// read takes the arguments and refuses what the issuer would refuse. It
// repeats none of them.
func (r *revocation) read(args []string) error {
	if r.Scope = args[0]; len(args) > 1 {
		r.ID = args[1]
	}
	cutoff := slices.Contains([]string{"user", "tenant", "all"}, r.Scope)
	switch {
	case !slices.Contains(scopes, r.Scope):
		return usage("scope: want one of %s", strings.Join(scopes, ", "))
	case r.Scope == "all" && r.ID != "" && r.ID != "all", r.Scope != "all" && r.ID == "":
		return usage("every scope but all needs an id, and all takes none")
	case looksLikeToken(r.ID):
		return usage("that is a token, and not the id of one; curfew token inspect reads a token from standard input and shows its jti and sid")
	case r.Scope == "device" && r.User == "":
		return usage("whose device? devices are named by their users: add --user ID")
	case r.Scope != "device" && r.User != "":
		return usage("--user says whose device it is, and goes with no other scope")
	case r.Tenant != "" && r.Scope != "user" && r.Scope != "device":
		return usage("--tenant goes with a user or a device")
	case r.Mode != "end" && (r.Mode != "refresh" || !cutoff):
		return usage("--mode: want end or, for a user, a tenant or all, refresh")
	}
	return nil
}

// looksLikeToken knows access tokens, which are JSON in base64url, and refresh
// tokens.
func looksLikeToken(id string) bool {
	return strings.HasPrefix(id, "cfr_") || strings.HasPrefix(id, "eyJ") && strings.Count(id, ".") == 2
}

func (t *target) revoke(cmd *cobra.Command, r revocation, wait apiclient.Wait) error {
	if r.DryRun {
		would, err := t.wouldRevoke(cmd, r)
		if err != nil {
			return err
		}
		return t.out.print(would, dryRunRows(would))
	}
	if (r.Scope == "all" || r.Scope == "tenant") && !r.yes {
		if err := t.confirmed(cmd, r); err != nil {
			return err
		}
	}
	var receipt apiclient.Receipt
	err := t.asAdmin(cmd.Context(), func(c *apiclient.Client) error {
		return during(cmd, "waiting for the revocation", func(ctx context.Context) (err error) {
			receipt, err = c.Revoke(ctx, r.Revocation, wait)
			return err
		})
	})
	if err != nil {
		return err
	}
	return t.printReceipt(receipt, wait)
}

func (t *target) wouldRevoke(cmd *cobra.Command, r revocation) (would apiclient.DryRun, err error) {
	err = t.asAdmin(cmd.Context(), func(c *apiclient.Client) error {
		return during(cmd, "counting sessions", func(ctx context.Context) (err error) {
			would, err = c.WouldRevoke(ctx, r.Revocation)
			return err
		})
	})
	return would, err
}

// confirmed asks whoever is there, and tells how many sessions are at stake.
func (t *target) confirmed(cmd *cobra.Command, r revocation) error {
	verb, whom := "ends", "everybody"
	if r.Mode == "refresh" {
		verb = "asks for new access tokens of"
	}
	if r.Scope == "tenant" {
		whom = "the tenant " + printable(r.ID)
	}
	if !interactive(cmd) {
		return confirm(cmd, fmt.Sprintf("this %s all sessions of %s", verb, whom))
	}
	would, err := t.wouldRevoke(cmd, r)
	if err != nil {
		return err
	}
	return confirm(cmd, fmt.Sprintf("This %s %d sessions of %s at %s", verb, would.Sessions, whom, t.client.Issuer))
}
