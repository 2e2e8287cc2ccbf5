package cli

import (
	"github.com/spf13/cobra"
)

// options are the flags of every command that speaks with a cluster.
type options struct {
	version string

	context                    string
	issuer, admin              string
	adminToken, adminTokenFile string
	format                     string
}

func (o *options) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.context, "context", "", "`name` of the context to use (default: the current one)")
	f.StringVar(&o.issuer, "issuer", "", "`URL` of the issuer (CURFEW_ISSUER_URL)")
	f.StringVar(&o.admin, "admin-url", "", "`URL` of the admin calls, where the issuer has a listener for them")
	f.StringVar(&o.adminToken, "admin-token", "", "admin's token; others on this machine can see it: prefer CURFEW_ADMIN_TOKEN, a context or --admin-token-file")
	f.StringVar(&o.adminTokenFile, "admin-token-file", "", "`file` that holds an admin's token, - for standard input (CURFEW_ADMIN_TOKEN_FILE)")
	f.StringVarP(&o.format, "output", "o", formatTable, "table or json")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{formatTable, formatJSON}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("context", completeContexts)
}
