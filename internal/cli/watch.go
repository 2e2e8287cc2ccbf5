package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/apiclient"
)

const (
	// reconnectMin and reconnectMax bound the pause before a new connection.
	reconnectMin = 250 * time.Millisecond
	reconnectMax = 10 * time.Second
	// silenceLimit is longer than the issuer is ever silent: it sends signs
	// of life.
	silenceLimit = time.Minute
)

func watchCommand(version string) *cobra.Command {
	o := &options{version: version}
	var f apiclient.EventFilter
	var after string
	cmd := &cobra.Command{
		Use: "watch", Short: "follow what happens: logins, refreshes, logouts, admin acts",
		Long: "Follow the events as they happen, until Ctrl-C. When the connection breaks it is made again, and\n" +
			"nothing is missed. With -o json every event is one line, with the id to go on after it (--after).",
	}
	leaf(cmd, o, func(cmd *cobra.Command, _ []string) error {
		t, err := o.target(cmd)
		if err != nil {
			return err
		}
		w := &watcher{t: t, cmd: cmd, filter: f, after: after}
		return w.run(cmd.Context())
	})
	cmd.Flags().StringSliceVar(&f.Kinds, "kind", nil, "`kinds` of events, separated by commas")
	cmd.Flags().StringVar(&f.User, "user", "", "`id` of a user, or name as it was typed at a failed login")
	cmd.Flags().StringVar(&f.Tenant, "tenant", "", "`tenant`")
	cmd.Flags().StringVar(&f.Session, "session", "", "`id` of a session")
	cmd.Flags().StringVar(&after, "after", "", "`id` of the last event seen; default: from now on")
	return cmd
}

// A watcher follows the events over any number of connections.
type watcher struct {
	t      *target
	cmd    *cobra.Command
	filter apiclient.EventFilter
	after  string // the last event's id
	begun  bool   // there was a connection
	broken bool   // the last one did
}

// run ends with ctx, which is no error, or when there is no use in going on.
func (w *watcher) run(ctx context.Context) error {
	pause := &backoff.ExponentialBackOff{
		InitialInterval: reconnectMin, MaxInterval: reconnectMax, Multiplier: 2, RandomizationFactor: 0.5,
	}
	pause.Reset()
	for {
		before := w.after
		err := w.t.asAdmin(ctx, func(c *apiclient.Client) error { return w.follow(ctx, c) })
		switch {
		case ctx.Err() != nil:
			return nil
		case !worthRetrying(err):
			return err
		case !w.broken:
			fmt.Fprintf(w.cmd.ErrOrStderr(), "%s; connecting again\n", printable(err.Error()))
		}
		w.broken = true
		if w.after != before {
			pause.Reset()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause.NextBackOff()):
		}
	}
}

// worthRetrying: nobody answered, or an issuer that cannot just now.
func worthRetrying(err error) bool {
	p, ok := errors.AsType[*apiclient.Problem](err)
	return errors.Is(err, apiclient.ErrUnreachable) || ok && (p.Status >= 500 || p.Status == http.StatusTooManyRequests)
}

// follow prints the events of one connection. One that has fallen silent is
// broken: its other end may be gone without a word.
func (w *watcher) follow(ctx context.Context, c *apiclient.Client) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(silenceLimit, func() { cancel(errors.New("silence")) })
	defer silence.Stop()
	for e, err := range c.Events(ctx, w.filter, w.after) {
		if err != nil {
			return err
		}
		silence.Reset(silenceLimit)
		w.connected()
		if e.ID != "" {
			w.after = e.ID
		}
		if e.Kind == "" {
			continue
		}
		if err := w.print(e); err != nil {
			return err
		}
	}
	return nil
}

// connected tells, once per connection, that the issuer has begun to send.
func (w *watcher) connected() {
	switch {
	case w.broken:
		fmt.Fprintln(w.cmd.ErrOrStderr(), "connected again")
	case !w.begun:
		fmt.Fprintln(w.cmd.ErrOrStderr(), "following "+w.t.client.Issuer)
	}
	w.begun, w.broken = true, false
}
