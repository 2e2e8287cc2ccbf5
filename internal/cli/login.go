package cli

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/apiclient"
	"github.com/curfew-auth/curfew/internal/cli/contexts"
)

const maxDeviceName = 128 // bytes, as the issuer takes

func loginCommand(version string) *cobra.Command {
	o := &options{version: version}
	var user, tenant string
	cmd := &cobra.Command{
		Use: "login", Short: "log in, and keep the session in the context",
		Long: "Log in, and keep the session in the context. Name and password are asked for; without a terminal\n" +
			"they are two lines of standard input, or with --user the password is the only one.",
	}
	leaf(cmd, o, func(cmd *cobra.Command, _ []string) error {
		t, err := o.target(cmd)
		if err != nil {
			return err
		}
		who, err := askLogin(cmd, user)
		if err != nil {
			return err
		}
		who.Tenant, who.Device = tenant, t.device()
		return t.login(cmd, who)
	})
	cmd.Flags().StringVar(&user, "user", "", "user `name`; asked for if left out")
	cmd.Flags().StringVar(&tenant, "tenant", "", "`tenant` of the user")
	return cmd
}

func askLogin(cmd *cobra.Command, user string) (who apiclient.Login, err error) {
	in := bufio.NewReaderSize(cmd.InOrStdin(), maxSecret)
	if who.Username = user; user == "" {
		if who.Username, err = ask(cmd, in, "User name: "); err != nil {
			return who, unread("user name", err)
		}
	}
	if who.Password, err = askSecret(cmd, in, "Password: "); err != nil || who.Password == "" {
		return who, unread("password", err)
	}
	return who, nil
}

// device describes this machine. Its id stays with the context.
func (t *target) device() apiclient.Device {
	d := apiclient.Device{ID: rand.Text(), Kind: "cli"}
	if t.known.Session != nil {
		d.ID = t.known.Session.DeviceID
	}
	if name, err := os.Hostname(); err == nil && len(name) <= maxDeviceName {
		d.Name = name
	}
	return d
}

func (t *target) login(cmd *cobra.Command, who apiclient.Login) error {
	grant, err := t.client.Login(cmd.Context(), who)
	if err != nil {
		return err
	}
	old, err := t.keep(cmd, sessionOf(grant, contexts.Session{Username: who.Username, DeviceID: who.Device.ID}))
	if err != nil { // nobody would ever end it
		_, _ = t.client.Logout(cmd.Context(), grant.RefreshToken, apiclient.Wait{})
		return err
	}
	if old != nil {
		if _, err := t.client.Logout(cmd.Context(), old.RefreshToken, apiclient.Wait{}); err != nil && !isOver(err) {
			fmt.Fprintf(cmd.ErrOrStderr(), "the session that was here before could not be ended: %v\n", err)
		}
	}
	v := map[string]string{"context": t.name, "user_id": grant.UserID, "session_id": grant.SessionID}
	return t.out.print(v, [][]string{{"context", t.name}, {"user", grant.UserID}, {"session", grant.SessionID}})
}

// keep stores the session, in a new context if there is none for this issuer,
// and returns the one that was there before.
func (t *target) keep(cmd *cobra.Command, s *contexts.Session) (old *contexts.Session, err error) {
	err = contexts.Update(cmd.Context(), func(f *contexts.File) error {
		if t.name == "" {
			t.name = contexts.NameFor(t.client.Issuer)
			t.known = contexts.Context{Issuer: t.client.Issuer, AdminURL: t.client.Admin}
		}
		known, found := f.Contexts[t.name]
		if !found {
			known = t.known
		}
		if known.Issuer != t.client.Issuer {
			return usage("the context %s is another issuer's; make one for this: curfew context add", t.name)
		}
		old, known.Session = known.Session, s
		f.Contexts[t.name] = known
		if f.Current == "" {
			f.Current = t.name
		}
		return nil
	})
	return old, err
}
