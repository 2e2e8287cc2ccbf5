package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/cli/contexts"
	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/tlsfiles"
)

func contextCommand() *cobra.Command {
	return group("context", "the clusters you work with",
		contextAdd(), contextUse(), contextList(), contextRemove())
}

func contextAdd() *cobra.Command {
	var o options
	var edges []string
	cmd := &cobra.Command{
		Use: "add name --issuer URL", Short: "remember a cluster; the first one becomes the current one",
		Args: named, RunE: func(cmd *cobra.Command, args []string) error {
			c := contexts.Context{Issuer: strings.TrimRight(o.issuer, "/"), AdminURL: o.admin}
			for _, e := range edges {
				c.Edges = append(c.Edges, strings.TrimRight(e, "/"))
			}
			if err := checkContext(c); err != nil {
				return err
			}
			err := keepFiles(&c, serverFiles(o.server))
			if err != nil {
				return err
			}
			if c.AdminToken, err = o.adminSecret(cmd); err != nil {
				return err
			}
			if err := addContext(cmd, args[0], c); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "added", args[0])
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.issuer, "issuer", "", "`URL` of the issuer")
	f.StringVar(&o.admin, "admin-url", "", "`URL` of the admin calls, where the issuer has a listener for them")
	f.StringArrayVar(&edges, "edge", nil, "`URL` of an edge, for doctor; any number of times")
	bindServer(f, &o.server)
	f.StringVar(&o.adminTokenFile, "admin-token-file", "", "`file` with an admin's token to keep, - for standard input (or CURFEW_ADMIN_TOKEN)")
	return cmd
}

func checkContext(c contexts.Context) error {
	if err := contexts.CheckURL(c.Issuer); err != nil {
		return usage("--issuer: %v", err)
	}
	if c.AdminURL != "" && contexts.CheckURL(c.AdminURL) != nil {
		return usage("--admin-url: %v", contexts.CheckURL(c.AdminURL))
	}
	for _, e := range c.Edges {
		if err := contexts.CheckURL(e); err != nil {
			return usage("--edge: %v", err)
		}
	}
	return nil
}

// keepFiles: commands find them from whatever directory they are called in.
func keepFiles(c *contexts.Context, files tlsfiles.Files) (err error) {
	if err := files.Check(); err != nil {
		return usage("--ca, --cert and --key: %v", err)
	}
	if files != (tlsfiles.Files{}) && !strings.HasPrefix(strings.ToLower(c.Issuer), "https://") {
		return usage("--issuer: want https://, for --ca or --cert is given")
	}
	for _, f := range []struct {
		from string
		to   *string
	}{{files.CA, &c.CA}, {files.Cert, &c.Cert}, {files.Key, &c.Key}} {
		if f.from == "" {
			continue
		}
		if *f.to, err = filepath.Abs(f.from); err != nil {
			return err
		}
	}
	return nil
}

func addContext(cmd *cobra.Command, name string, c contexts.Context) error {
	return contexts.Update(cmd.Context(), func(f *contexts.File) error {
		if _, taken := f.Contexts[name]; taken {
			return errors.New("there is a context of that name; remove it first: curfew context remove")
		}
		f.Contexts[name] = c
		if f.Current == "" {
			f.Current = name
		}
		return nil
	})
}

func contextUse() *cobra.Command {
	return &cobra.Command{
		Use: "use name", Short: "make a context the current one", Args: named, ValidArgsFunction: completeContexts,
		RunE: func(cmd *cobra.Command, args []string) error {
			return contexts.Update(cmd.Context(), func(f *contexts.File) error {
				if _, found := f.Contexts[args[0]]; !found {
					return errNoContext
				}
				f.Current = args[0]
				return nil
			})
		},
	}
}

func contextRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove name", Short: "forget a context and its secrets", Args: named, ValidArgsFunction: completeContexts,
		RunE: func(cmd *cobra.Command, args []string) error {
			return contexts.Update(cmd.Context(), func(f *contexts.File) error {
				c, found := f.Contexts[args[0]]
				if !found {
					return errNoContext
				}
				if c.Session != nil {
					fmt.Fprintln(cmd.ErrOrStderr(), "its session goes on without us; to end it, log out before")
				}
				delete(f.Contexts, args[0])
				if f.Current == args[0] {
					f.Current = ""
				}
				return nil
			})
		},
	}
}

var errNoContext = &config.Invalid{Reason: "no such context; curfew context list shows them"}

// named wants one name, and does not repeat it.
func named(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage("want %s name; see --help", cmd.CommandPath())
	}
	if err := contexts.CheckName(args[0]); err != nil {
		return usage("%v", err)
	}
	return nil
}

func completeContexts(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	file, err := contexts.Load()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return file.Names(), cobra.ShellCompDirectiveNoFileComp
}
