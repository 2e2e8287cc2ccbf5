package cli

import (
	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/apiclient"
	"github.com/curfew-auth/curfew/internal/cli/contexts"
)

func logoutCommand(version string) *cobra.Command {
	o := &options{version: version}
	var w waiting
	cmd := &cobra.Command{Use: "logout", Short: "end the session of the context everywhere, and forget it"}
	leaf(cmd, o, func(cmd *cobra.Command, _ []string) error {
		t, err := o.target(cmd)
		if err != nil {
			return err
		}
		wait, err := w.check()
		if err != nil {
			return err
		}
		return t.logout(cmd, wait)
	})
	w.bind(cmd)
	return cmd
}

func (t *target) logout(cmd *cobra.Command, wait apiclient.Wait) error {
	s := t.known.Session
	if s == nil {
		return errNotLoggedIn
	}
	receipt, err := t.client.Logout(cmd.Context(), s.RefreshToken, wait)
	over := isOver(err)
	if err != nil && !over {
		return err
	}
	forget := func(f *contexts.File) error {
		known := f.Contexts[t.name]
		if known.Session != nil && known.Session.SessionID == s.SessionID {
			known.Session = nil
			f.Contexts[t.name] = known
		}
		return nil
	}
	if err := contexts.Update(cmd.Context(), forget); err != nil {
		return err
	}
	if over {
		return t.out.print(map[string]string{"status": "over"}, [][]string{{"the session was over already"}})
	}
	return t.printReceipt(receipt, wait)
}
