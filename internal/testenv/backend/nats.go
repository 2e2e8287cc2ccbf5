//go:build unix

package backend

import (
	"context"
	"crypto/tls"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/curfew-auth/curfew/internal/devcerts"
	"github.com/curfew-auth/curfew/internal/testenv/port"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

// NATSOptions says how to run nats-server.
type NATSOptions struct {
	Bin  string // from BuildNATS
	Dir  string // for configuration, log and data
	Name string // for people; made unique with a suffix
	Port int    // clients'; 0: a free one
	// Config is added to the configuration file, in its own syntax, and Env to the
	// environment of the server.
	Config string
	Env    []string
	// Login is a user who may use JetStream, with a password behind a colon. Empty:
	// everybody may.
	Login string
	// Certs is a directory of package devcerts: connections are encrypted, and clients
	// must show a certificate. Empty: plain text.
	Certs string
	// Leaping gives each server a Clock. Bin must be from BuildLeapingNATS.
	Leaping bool
}

// A NATS is one nats-server process with JetStream, alone or in a cluster.
// Kill, Pause, Resume, Stop and the rest come from its process.
type NATS struct {
	*proc.Process
	Clock     *Clock // nil without Leaping
	dir, name string
	host, url string
	cluster   bool
	secure    *tls.Config // of clients; nil: plain text
}

// StartNATS starts a server that stands alone.
func StartNATS(ctx context.Context, o NATSOptions) (*NATS, error) {
	var n *NATS
	err := retryTaken(func() (err error) {
		if n, err = newNATS(o, ""); err != nil {
			return err
		}
		return n.killUnless(n.await(ctx))
	})
	if err != nil {
		return nil, err
	}
	return n, nil
}

// newNATS starts a server without waiting for it. routes is the cluster part
// of its configuration, empty for a server that stands alone.
func newNATS(o NATSOptions, routes string) (*NATS, error) {
	clients := o.Port
	if clients == 0 {
		var err error
		if clients, err = port.Free(); err != nil {
			return nil, err
		}
	}
	n := &NATS{dir: o.Dir, name: o.Name + "-" + nuid.Next(), host: port.Loopback(clients), cluster: routes != ""}
	n.url = n.As(o.Login)
	env := slices.Clone(o.Env)
	var err error
	if n.secure, err = clientOf(o.Certs); err != nil {
		return nil, err
	}
	if o.Leaping {
		if n.Clock, err = NewClock(o.Dir, o.Name); err != nil {
			return nil, err
		}
		env = append(env, n.Clock.Env())
	}
	n.Process, err = spawn(proc.Spec{
		Name: o.Name, Path: o.Bin, Args: []string{"-c", "nats.conf"}, Env: env,
		Dir: o.Dir, LogFile: filepath.Join(o.Dir, "nats.log"),
	}, "nats.conf", natsConfig(n.name, clients, n.store(), routes+natsTLS(o.Certs)+o.Config))
	return n, err
}

// natsConfig: sync_interval as in production, where an acknowledged message
// must survive a power cut.
func natsConfig(name string, clients int, store, more string) string {
	return fmt.Sprintf(`server_name: %q
listen: %q
jetstream { store_dir: %q, max_memory_store: 256MB, max_file_store: 2GB, sync_interval: always }
%s
`, name, port.Loopback(clients), store, more)
}

func natsTLS(certs string) string {
	if certs == "" {
		return ""
	}
	return fmt.Sprintf("tls { cert_file: %q, key_file: %q, ca_file: %q, verify: true, timeout: 5 }\n",
		devcerts.Cert(certs, "nats"), devcerts.Key(certs, "nats"), devcerts.Cert(certs, devcerts.Authority))
}

// Options are what a client needs besides the URL.
func (n *NATS) Options() (options []nats.Option) {
	if n.secure != nil {
		options = append(options, nats.Secure(n.secure))
	}
	return options
}

// URL is for clients, or for the one of NATSOptions.Login.
func (n *NATS) URL() string { return n.url }

// As is the URL for a user, given as NATSOptions.Login is.
func (n *NATS) As(login string) string { return NATSURL(login, n.host) }

// Host is where the server listens, with its port.
func (n *NATS) Host() string { return n.host }

// NATSURL is what a user connects to, at a host with a port.
func NATSURL(login, host string) string {
	if login == "" {
		return "nats://" + host
	}
	return "nats://" + login + "@" + host
}

// ServerName is the name that the server gives itself, new for every NATS.
func (n *NATS) ServerName() string { return n.name }

// Restart starts the server again, with the same port and data. A node of a
// cluster is only waited for until it takes clients; see WaitReady of
// NATSCluster for the rest.
func (n *NATS) Restart(ctx context.Context) error {
	if err := n.Process.Restart(); err != nil {
		return err
	}
	return n.await(ctx)
}

// Wipe deletes the data of a stopped server.
func (n *NATS) Wipe() error { return wipe(n.Process, n.store()) }

// WipeRestart kills the server, deletes its data and starts it again.
func (n *NATS) WipeRestart(ctx context.Context) error {
	if err := n.Kill(); err != nil {
		return err
	}
	if err := n.Wipe(); err != nil {
		return err
	}
	return n.Restart(ctx)
}

func (n *NATS) store() string { return filepath.Join(n.dir, "jetstream") }

func (n *NATS) await(ctx context.Context) error {
	return awaitReady(ctx, n.Process, n.ready)
}

// ready asks whether this very server answers, and not another that took its
// port, and alone also whether JetStream does.
func (n *NATS) ready(ctx context.Context) error {
	return n.with(ctx, n.url, func(ctx context.Context, nc *nats.Conn, js jetstream.JetStream) error {
		if got := nc.ConnectedServerName(); got != n.name {
			return fmt.Errorf("%w: %s is there", errPortTaken, got)
		}
		if n.cluster {
			return nil
		}
		_, err := js.AccountInfo(ctx)
		return err
	})
}

func (n *NATS) killUnless(err error) error {
	if err != nil {
		n.Kill()
	}
	return err
}

// conversation is the time for one conversation. Without it, a question that gets
// no answer, as while there is no leader, would take as long as the whole test.
const conversation = 3 * time.Second

// with connects to url for one short conversation.
func (n *NATS) with(ctx context.Context, url string, talk func(context.Context, *nats.Conn, jetstream.JetStream) error) error {
	ctx, cancel := context.WithTimeout(ctx, conversation)
	defer cancel()
	nc, err := nats.Connect(url, append(n.Options(), nats.NoReconnect(), nats.Timeout(time.Second))...)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	return talk(ctx, nc, js)
}

func joinURLs(nodes []*NATS) string {
	urls := make([]string, len(nodes))
	for i, n := range nodes {
		urls[i] = n.url
	}
	return strings.Join(urls, ",")
}
