//go:build unix

package backend

import (
	"crypto/tls"
	"log/slog"

	"github.com/curfew-auth/curfew/internal/devcerts"
	"github.com/curfew-auth/curfew/internal/tlsfiles"
)

// clientOf is how we connect to a server with certificates of package devcerts; nil
// without.
func clientOf(certs string) (*tls.Config, error) {
	if certs == "" {
		return nil, nil
	}
	return tlsfiles.Peer{Files: tlsfiles.Files{
		Cert: devcerts.Cert(certs, "admin"), Key: devcerts.Key(certs, "admin"), CA: devcerts.Cert(certs, devcerts.Authority),
	}}.Config(slog.New(slog.DiscardHandler))
}
