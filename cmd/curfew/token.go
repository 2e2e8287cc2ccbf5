package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/config"
)

func hashTokenCommand() *cobra.Command {
	return &cobra.Command{
		Use: "hash-token", Short: "read an admin's token on standard input, print its hash for the setting admins",
		RunE: func(cmd *cobra.Command, _ []string) error {
			input, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 8192))
			if err != nil {
				return err
			}
			token := strings.TrimSuffix(strings.TrimSuffix(string(input), "\n"), "\r")
			if err := config.CheckToken(token); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), config.HashToken(token))
			return err
		},
	}
}
