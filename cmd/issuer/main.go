// Command issuer runs one issuer node. See docs/configuration.md for its settings.
package main

import (
	"log/slog"
	"os"

	"github.com/curfew-auth/curfew/internal/boot"
	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/issuer"
	"github.com/curfew-auth/curfew/internal/version"
)

func main() {
	var cfg config.Issuer
	os.Exit(boot.Main(boot.Service("issuer", "sign users in, and out everywhere", version.String(), &cfg,
		func(log *slog.Logger) (boot.Node, error) { return issuer.New(cfg, log) })))
}
