package cli

import (
	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/cli/contexts"
)

// A listedContext tells which secrets there are, and none of them.
type listedContext struct {
	Name       string   `json:"name"`
	Current    bool     `json:"current"`
	Issuer     string   `json:"issuer"`
	AdminURL   string   `json:"admin_url,omitempty"`
	Edges      []string `json:"edges,omitempty"`
	AdminToken bool     `json:"admin_token"`
	Username   string   `json:"username,omitempty"`
}

func contextList() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "list", Short: "list the contexts",
		RunE: func(cmd *cobra.Command, _ []string) error {
			out, err := newPrinter(format, cmd.OutOrStdout())
			if err != nil {
				return err
			}
			file, err := contexts.Load()
			if err != nil {
				return err
			}
			list := listContexts(file)
			return out.print(map[string]any{"contexts": list}, contextRows(list))
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", formatTable, "table or json")
	return cmd
}

func listContexts(f contexts.File) []listedContext {
	list := make([]listedContext, 0, len(f.Contexts))
	for _, name := range f.Names() {
		c := f.Contexts[name]
		l := listedContext{
			Name: name, Current: name == f.Current, Issuer: c.Issuer, AdminURL: c.AdminURL, Edges: c.Edges,
			AdminToken: c.AdminToken != "",
		}
		if c.Session != nil {
			l.Username = c.Session.Username
		}
		list = append(list, l)
	}
	return list
}

func contextRows(list []listedContext) [][]string {
	rows := [][]string{{"", "NAME", "ISSUER", "ADMIN TOKEN", "LOGGED IN"}}
	for _, l := range list {
		mark, admin := " ", "no"
		if l.Current {
			mark = "*"
		}
		if l.AdminToken {
			admin = "yes"
		}
		rows = append(rows, []string{mark, l.Name, l.Issuer, admin, or(l.Username)})
	}
	return rows
}
