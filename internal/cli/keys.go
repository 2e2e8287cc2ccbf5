package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/apiclient"
)

// algorithms are what a new key can have.
var algorithms = []string{"EdDSA", "ES256", "RS256"}

func keysCommand(version string) *cobra.Command {
	return group("keys", "the issuer's signing keys", keysList(version), keysRotate(version))
}

func keysList(version string) *cobra.Command {
	o := &options{version: version}
	cmd := &cobra.Command{Use: "list", Short: "list the signing keys and when each signs and retires"}
	return leaf(cmd, o, func(cmd *cobra.Command, _ []string) error {
		t, err := o.target(cmd)
		if err != nil {
			return err
		}
		var keys []apiclient.Key
		err = t.asAdmin(cmd.Context(), func(c *apiclient.Client) (err error) {
			keys, err = c.Keys(cmd.Context())
			return err
		})
		if err != nil {
			return err
		}
		return t.out.print(map[string]any{"keys": keys}, keyRows(keys...))
	})
}

func keysRotate(version string) *cobra.Command {
	o := &options{version: version}
	var algorithm string
	cmd := &cobra.Command{Use: "rotate", Short: "make a signing key; it is published at once and signs later"}
	leaf(cmd, o, func(cmd *cobra.Command, _ []string) error {
		if algorithm != "" && !slices.Contains(algorithms, algorithm) {
			return usage("--algorithm: want %s", strings.Join(algorithms, ", "))
		}
		t, err := o.target(cmd)
		if err != nil {
			return err
		}
		var key apiclient.Key
		err = t.asAdmin(cmd.Context(), func(c *apiclient.Client) (err error) {
			key, err = c.RotateKeys(cmd.Context(), algorithm)
			return err
		})
		if err != nil {
			return err
		}
		return t.out.print(key, keyRows(key))
	})
	cmd.Flags().StringVar(&algorithm, "algorithm", "", "EdDSA, ES256 or RS256 (default: the issuer's key_algorithm)")
	_ = cmd.RegisterFlagCompletionFunc("algorithm", cobra.FixedCompletions(algorithms, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func keyRows(keys ...apiclient.Key) [][]string {
	rows := [][]string{{"KEY", "ALGORITHM", "STATE", "CREATED", "SIGNS FROM", "RETIRES"}}
	for _, k := range keys {
		rows = append(rows, []string{k.KeyID, k.Algorithm, k.State, at(k.Created), at(k.SignsFrom), at(k.RetireAt)})
	}
	return rows
}
