package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/config"
)

// Commands returns all commands; version is what the program calls itself.
func Commands(version string) []*cobra.Command {
	return []*cobra.Command{
		contextCommand(), loginCommand(version), logoutCommand(version), sessionsCommand(version),
		revokeCommand(version), keysCommand(version), tokenCommand(version),
		edgesCommand(version), watchCommand(version), doctorCommand(version),
	}
}

// group is a command that only has commands of its own.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	names := make([]string, 0, len(commands))
	for _, c := range commands {
		names = append(names, c.Name())
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return usage("%s: want %s; see --help", cmd.CommandPath(), strings.Join(names, ", "))
	}
	cmd.AddCommand(commands...)
	for _, c := range append(commands, cmd) {
		config.Strict(c)
	}
	return cmd
}

// leaf is a command that does something with a cluster. The arguments are
// named, and none of them is repeated in an error: one may be a secret that
// lost its flag.
func leaf(cmd *cobra.Command, o *options, run func(*cobra.Command, []string) error, arguments ...string) *cobra.Command {
	cmd.RunE = run
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		least := 0
		for _, a := range arguments {
			if !strings.HasPrefix(a, "[") {
				least++
			}
		}
		if len(args) < least || len(args) > len(arguments) {
			return usage("%s; see --help", strings.Join(append([]string{"want " + cmd.CommandPath()}, arguments...), " "))
		}
		return nil
	}
	if len(arguments) == 0 {
		cmd.Args = nil
	}
	o.bind(cmd)
	config.Strict(cmd)
	return cmd
}
