// Command curfew runs a whole cluster on this machine, shows what Curfew does,
// and is the tool of its operators.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/boot"
	"github.com/curfew-auth/curfew/internal/cli"
	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/version"
)

func main() {
	root := &cobra.Command{
		Use: "curfew", Short: "sign users in once, and out everywhere", Version: version.String(),
		SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Args: func(_ *cobra.Command, args []string) error { // a word may be a secret that lost its flag: it is not repeated
			if len(args) == 0 {
				return nil
			}
			return &config.Invalid{Reason: "no such command; curfew help lists them"}
		},
	}
	root.AddCommand(upCommand(), demoCommand(), hashPasswordCommand(), hashTokenCommand(), devCertsCommand())
	root.AddCommand(cli.Commands(version.String())...)
	for _, cmd := range append(root.Commands(), root) {
		config.Strict(cmd)
	}
	os.Exit(boot.Main(root))
}
