package cli

import (
	"cmp"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/curfew-auth/curfew/internal/tlsfiles"
)

// options are the flags of every command that speaks with a cluster.
type options struct {
	version string

	context                    string
	issuer, admin              string
	adminToken, adminTokenFile string
	server                     tlsfiles.Files
	format                     string
}

func (o *options) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.context, "context", "", "`name` of the context to use (default: the current one)")
	f.StringVar(&o.issuer, "issuer", "", "`URL` of the issuer (CURFEW_ISSUER_URL)")
	f.StringVar(&o.admin, "admin-url", "", "`URL` of the admin calls, where the issuer has a listener for them")
	f.StringVar(&o.adminToken, "admin-token", "", "admin's token; others on this machine can see it: prefer CURFEW_ADMIN_TOKEN, a context or --admin-token-file")
	f.StringVar(&o.adminTokenFile, "admin-token-file", "", "`file` that holds an admin's token, - for standard input (CURFEW_ADMIN_TOKEN_FILE)")
	bindServer(f, &o.server)
	f.StringVarP(&o.format, "output", "o", formatTable, "table or json")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{formatTable, formatJSON}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("context", completeContexts)
}

func bindServer(f *pflag.FlagSet, files *tlsfiles.Files) {
	f.StringVar(&files.CA, "ca", "", "PEM `file` with the authorities of issuers and edges (CURFEW_ISSUER_CA)")
	f.StringVar(&files.Cert, "cert", "", "PEM `file` with the certificate to show them (CURFEW_ISSUER_CERT)")
	f.StringVar(&files.Key, "key", "", "PEM `file` with its key (CURFEW_ISSUER_KEY)")
}

// serverFiles are those of the flags, each else of the environment.
func serverFiles(flags tlsfiles.Files) tlsfiles.Files {
	return tlsfiles.Files{
		CA: cmp.Or(flags.CA, os.Getenv("CURFEW_ISSUER_CA")), Cert: cmp.Or(flags.Cert, os.Getenv("CURFEW_ISSUER_CERT")),
		Key: cmp.Or(flags.Key, os.Getenv("CURFEW_ISSUER_KEY")),
	}
}
