package testenv

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/curfew-auth/curfew/internal/testenv/ceiling"
	"github.com/curfew-auth/curfew/internal/testenv/port"
)

// hangLimit is for tests around an embedded server, which take seconds.
const hangLimit = 4 * time.Minute

// A NATSServer is a nats-server with JetStream inside the test process: ready
// in milliseconds, but not to be paused or killed; see NATSProcess for that.
// Its methods must be called from the test's own goroutine.
type NATSServer struct {
	t    testing.TB
	opts server.Options
	srv  *server.Server
}

// NATS starts an embedded server on a free port. A test that hangs is ended.
func NATS(t testing.TB) *NATSServer {
	t.Helper()
	ceiling.Of(t, hangLimit)
	listen, err := port.Free() // it comes back there after a restart
	Must(t, err)
	n := &NATSServer{t: t, opts: server.Options{
		ServerName: "embedded", Host: "127.0.0.1", Port: listen,
		JetStream: true, StoreDir: filepath.Join(t.TempDir(), "jetstream"),
		NoSigs: true, NoLog: true,
	}}
	n.Restart()
	t.Cleanup(n.Stop)
	return n
}

// URL is for clients and stays the same through restarts.
func (n *NATSServer) URL() string { return n.srv.ClientURL() }

// Stop shuts the server down in an orderly way. Stopping twice is fine.
func (n *NATSServer) Stop() {
	n.srv.Shutdown()
	n.srv.WaitForShutdown()
}

// Restart starts the server again with what it had stored.
func (n *NATSServer) Restart() {
	n.t.Helper()
	if n.srv != nil {
		n.Stop()
	}
	opts := n.opts // the server keeps and changes what it is given
	srv, err := server.NewServer(&opts)
	Must(n.t, err)
	go srv.Start()
	if n.srv = srv; !srv.ReadyForConnections(startLimit) {
		n.Stop()
		n.t.Fatal("testenv: the embedded nats-server does not start; is its port taken?")
	}
}

// WipeAndRestart starts the server again without what it had stored.
func (n *NATSServer) WipeAndRestart() {
	n.t.Helper()
	n.Stop()
	Must(n.t, os.RemoveAll(n.opts.StoreDir))
	n.Restart()
}
