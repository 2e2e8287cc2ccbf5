package edge

import (
	"crypto/tls"
	"fmt"
	"log/slog"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/config"
)

// peers are whom an edge connects to, and how it verifies them; nil: by the system's
// authorities.
type peers struct {
	nats, redis, issuer, upstream *tls.Config
	trusted                       []guard.TrustedIssuer
}

func newPeers(cfg config.Edge, log *slog.Logger) (p peers, err error) {
	if p.nats, err = cfg.Encryption.NATS().Config(log); err != nil {
		return p, fmt.Errorf("nats: %w", err)
	}
	if p.redis, err = cfg.Encryption.Redis().Config(log); err != nil {
		return p, fmt.Errorf("redis: %w", err)
	}
	if p.issuer, err = cfg.Issuers().Config(log); err != nil {
		return p, fmt.Errorf("issuer: %w", err)
	}
	if p.upstream, err = cfg.API().Config(log); err != nil {
		return p, fmt.Errorf("upstream: %w", err)
	}
	p.trusted, err = trusted(cfg.TrustedIssuers, log)
	return p, err
}
