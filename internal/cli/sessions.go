package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/apiclient"
)

func sessionsCommand(version string) *cobra.Command {
	return group("sessions", "who is signed in where", sessionsList(version))
}

func sessionsList(version string) *cobra.Command {
	o := &options{version: version}
	var user, tenant string
	cmd := &cobra.Command{Use: "list", Short: "list your sessions, or as an admin those of a user"}
	leaf(cmd, o, func(cmd *cobra.Command, _ []string) error {
		if user == "" && tenant != "" {
			return usage("--tenant goes with --user")
		}
		t, err := o.target(cmd)
		if err != nil {
			return err
		}
		list, err := t.sessions(cmd.Context(), tenant, user)
		if err != nil {
			return err
		}
		return t.out.print(map[string]any{"sessions": list}, sessionRows(list))
	})
	cmd.Flags().StringVar(&user, "user", "", "`id` of the user whose sessions to list, as an admin")
	cmd.Flags().StringVar(&tenant, "tenant", "", "`tenant` of that user")
	return cmd
}

func (t *target) sessions(ctx context.Context, tenant, user string) (list []apiclient.Session, err error) {
	if user == "" {
		err = t.asUser(ctx, func(access string) (err error) {
			list, err = t.client.MySessions(ctx, access)
			return err
		})
		return list, err
	}
	err = t.asAdmin(ctx, func(c *apiclient.Client) (err error) {
		list, err = c.UserSessions(ctx, tenant, user)
		return err
	})
	return list, err
}

func sessionRows(list []apiclient.Session) [][]string {
	rows := [][]string{{"SESSION", "DEVICE", "ADDRESS", "CREATED", "LAST SEEN", "EXPIRES", ""}}
	for _, s := range list {
		current := ""
		if s.Current {
			current = "this one"
		}
		rows = append(rows, []string{
			s.SessionID, deviceText(s.Device), or(s.IP), at(s.CreatedAt), at(s.LastSeen), at(s.ExpiresAt), current,
		})
	}
	return rows
}

// deviceText is all that is known of a device: kind, name, id.
func deviceText(d apiclient.Device) string {
	var parts []string
	for _, part := range []string{d.Kind, d.Name, d.ID} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return or(strings.Join(parts, " "))
}
