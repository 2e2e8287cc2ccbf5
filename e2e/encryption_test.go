package e2e_test

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/curfew-auth/curfew/internal/devcerts"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/tlsfiles"
)

// Every connection of the suite is encrypted, except those of curfew up, which is one
// process on one machine. NATS and Redis want certificates of their clients.

const certsEnv = "CURFEWTEST_CERTS" // for what this binary starts as an attacker

// certs is where curfew dev-certs would put them.
var certs = openCerts()

func openCerts() string {
	if dir := os.Getenv(certsEnv); dir != "" {
		return dir
	}
	dir, err := os.MkdirTemp("", "curfew-e2e-")
	if err == nil {
		dir = filepath.Join(dir, "certs")
		err = devcerts.Make(dir, nil)
	}
	if err != nil {
		panic(err)
	}
	_ = os.Setenv(certsEnv, dir) // the name is good
	return dir
}

func removeCerts() { _ = os.RemoveAll(filepath.Dir(certs)) } // what is left behind hurts nobody

func authority() string { return devcerts.Cert(certs, devcerts.Authority) }

// trusting verifies servers as ours are.
func trusting() *tls.Config {
	c, err := tlsfiles.Peer{Files: tlsfiles.Files{CA: authority()}}.Config(slog.New(slog.DiscardHandler))
	if err != nil {
		panic(err)
	}
	return c
}

// secureServer is a server of the test, for our services.
func secureServer(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(devcerts.Cert(certs, "upstream"), devcerts.Key(certs, "upstream"))
	testenv.Must(t, err)
	s := httptest.NewUnstartedServer(handler)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}
