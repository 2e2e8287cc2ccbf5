// Command edge runs one edge node. See docs/configuration.md for its settings.
package main

import (
	"log/slog"
	"os"

	"github.com/curfew-auth/curfew/internal/boot"
	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/edge"
	"github.com/curfew-auth/curfew/internal/version"
)

func main() {
	var cfg config.Edge
	os.Exit(boot.Main(boot.Service("edge", "decide about requests from a local copy of what is revoked", version.String(), &cfg,
		func(log *slog.Logger) (boot.Node, error) { return edge.New(cfg, log) })))
}
