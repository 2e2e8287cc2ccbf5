package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/devcerts"
)

func devCertsCommand() *cobra.Command {
	var hosts []string
	cmd := &cobra.Command{
		Use: "dev-certs directory", Short: "make a private authority and certificates of all services, for a trial",
		Long: "Make a private authority and certificates of issuer, edge, nats, redis, upstream and admin. Each is good for\n" +
			"this machine and for the host of its own name, as a server and as a client, for 30 days. Nothing is replaced.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &config.Invalid{Reason: "want curfew dev-certs directory; see --help"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			err := devcerts.Make(args[0], hosts)
			if errors.Is(err, devcerts.ErrHosts) {
				return &config.Invalid{Setting: "--host", Reason: err.Error()}
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "made %s and the certificates of %v, with a key each\n", devcerts.Cert(args[0], devcerts.Authority), devcerts.Services)
			return err
		},
	}
	cmd.Flags().StringArrayVar(&hosts, "host", nil, "`name` or IP address that all are good for besides; any number of times")
	return cmd
}
