package boot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/curfew-auth/curfew/internal/front"
)

// profile serves profiles on addr, which the settings have made sure is
// of this machine alone, until ctx ends. An empty addr serves nothing.
func profile(ctx context.Context, addr string, log *slog.Logger) error {
	if addr == "" {
		return nil
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("pprof_listen: %w", err)
	}
	srv := &http.Server{Handler: front.Profiles(), ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = srv.Close() })
	go func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			log.Error("no profiles any more", "error", err)
		}
	}()
	log.Info("serving profiles", "address", ln.Addr().String())
	return nil
}
