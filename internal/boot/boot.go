// Package boot is what the main functions share: flags and settings, the log,
// signals, --check-config and the healthcheck subcommand.
package boot

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/front"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/tlsfiles"
)

// Settings are what both services have in common.
type Settings interface {
	Level() slog.Level
	Address() string
	Probing() string
	Listeners() tlsfiles.Files
	Profiling() string
}

// A Node is a service that is ready to run.
type Node interface {
	Run(ctx context.Context, ln net.Listener) error
}

// Service returns the command of one service: it loads settings into cfg and
// runs the node that open makes of them.
func Service(name, short, version string, cfg Settings, open func(*slog.Logger) (Node, error)) *cobra.Command {
	cmd := &cobra.Command{
		Use: name, Short: short, Version: version,
		SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := config.Load(cmd, cfg, os.Environ()); err != nil {
				return err
			}
			if config.CheckOnly(cmd) {
				fmt.Fprintln(cmd.OutOrStdout(), name+": the configuration is good")
				return nil
			}
			return serve(cmd.Context(), name, version, cfg, open)
		},
	}
	config.Bind(cmd, cfg)
	cmd.AddCommand(healthcheck(cfg))
	return cmd
}

// garbage is how much of it, in percent of what is live, may gather before it is
// collected, unless GOGC says otherwise. What is live is mostly tables in which
// the collector has nothing to look at, and a long log is replayed a fifth
// faster than with Go's own 100.
const garbage = 200

func serve(ctx context.Context, name, version string, cfg Settings, open func(*slog.Logger) (Node, error)) error {
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: cfg.Level()}))
	redisstore.SetLog(log)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	log.Info("starting", "service", name, "version", version, "config", cfg)
	if err := profile(ctx, cfg.Profiling(), log); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Address())
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	node, err := open(log)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	context.AfterFunc(ctx, func() { log.Info("draining", "service", name) })
	err = node.Run(ctx, ln)
	log.Info("stopped", "service", name)
	return err
}

// healthcheck asks the service on this machine whether it is ready, for
// container images that have no shell. It reads the service's own settings,
// unless it is told the address.
func healthcheck(cfg Settings) *cobra.Command {
	var address string
	var encrypted bool
	cmd := &cobra.Command{
		Use: "healthcheck", Short: "exit 0 if the service on this machine is ready",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if address != "" {
				return front.Healthcheck(cmd.Context(), address, anyCertificate(encrypted))
			}
			if err := config.Load(cmd, cfg, os.Environ()); err != nil {
				return err
			}
			return front.Healthcheck(cmd.Context(), cfg.Probing(), probing(cfg.Listeners()))
		},
	}
	config.Bind(cmd, cfg)
	cmd.Flags().StringVar(&address, "address", "", "`host:port` that it listens on; no other setting is then read")
	cmd.Flags().BoolVar(&encrypted, "tls", false, "with --address: it speaks TLS, with whatever certificate")
	return cmd
}

// probing is for the listener with these files. It shows its certificate, in case it
// asks for one of the same authority; where it asks for another's, probes need
// ops_listen.
func probing(f tlsfiles.Files) *tls.Config {
	c := anyCertificate(f.Cert != "")
	if pair, err := tls.LoadX509KeyPair(f.Cert, f.Key); c != nil && err == nil {
		c.Certificates = []tls.Certificate{pair}
	}
	return c
}

// anyCertificate is for a question to this machine, whose answer is worth nothing to
// anybody else: a certificate that has expired says nothing about the service.
func anyCertificate(encrypted bool) *tls.Config {
	if !encrypted {
		return nil
	}
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
}

// Main runs a command until it is done or the process is told to stop, and
// returns the exit code. A second signal ends the process at once.
func Main(cmd *cobra.Command) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	err := cmd.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %s\n", cmd.Name(), strings.TrimPrefix(err.Error(), cmd.Name()+": "))
	}
	return config.ExitCode(err)
}
