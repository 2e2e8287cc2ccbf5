package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/demo"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/up"
)

// cluster binds the flags that up and demo share.
type cluster struct {
	port, edges int
	level       string
}

func (c *cluster) bind(cmd *cobra.Command, port int, level string) {
	cmd.Flags().IntVar(&c.port, "port", port, "port of the issuer, the edges take the next ones; 0 for free ports")
	cmd.Flags().IntVar(&c.edges, "edges", 3, "number of edges")
	cmd.Flags().StringVar(&c.level, "log-level", level, "debug, info, warn or error; the log goes to standard error")
}

// with runs f on a cluster that is ready, and stops it afterwards.
func (c *cluster) with(ctx context.Context, f func(*up.Cluster) error) (err error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.level)); err != nil {
		return &config.Invalid{Setting: "--log-level", Reason: "want debug, info, warn or error"}
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	redisstore.SetLog(log)
	running, err := up.Start(ctx, up.Options{Port: c.port, Edges: c.edges, Log: log})
	switch {
	case err != nil && ctx.Err() != nil: // what it was waiting for is no news
		return errors.New("stopped while starting; nothing is left behind")
	case err != nil:
		return err
	}
	defer func() {
		if closing := running.Close(); err == nil {
			err = closing
		}
	}()
	return f(running)
}

func upCommand() *cobra.Command {
	var c cluster
	var asJSON bool
	cmd := &cobra.Command{
		Use: "up", Short: "run an issuer and edges with an embedded log and store",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.with(cmd.Context(), func(running *up.Cluster) error {
				write := running.WriteBanner
				if asJSON {
					write = running.WriteJSON
				}
				if err := write(cmd.OutOrStdout()); err != nil {
					return err
				}
				return running.Wait(cmd.Context())
			})
		},
	}
	c.bind(cmd, 8080, "warn")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one line of JSON instead of the banner")
	return cmd
}

func demoCommand() *cobra.Command {
	var c cluster
	cmd := &cobra.Command{
		Use: "demo", Short: "show how fast a logout reaches every edge",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.with(cmd.Context(), func(running *up.Cluster) error {
				return demo.Run(cmd.Context(), running, cmd.OutOrStdout())
			})
		},
	}
	c.bind(cmd, 0, "error")
	return cmd
}
