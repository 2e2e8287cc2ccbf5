package events

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// Connect opens a connection that never gives up: it keeps trying while the
// server is away or refuses it, at start and later, and says so in the log. It
// notices a stalled connection within about three seconds. Nothing is buffered
// while disconnected: a revocation that was only buffered is not published. More
// options take precedence.
func Connect(servers, creds, name string, log *slog.Logger, more ...nats.Option) (*nats.Conn, error) {
	var refused atomic.Bool // and that is in the log
	connected := func(how string) nats.ConnHandler {
		return func(c *nats.Conn) {
			refused.Store(false)
			log.Info("nats: "+how, "server", c.ConnectedUrlRedacted())
		}
	}
	opts := []nats.Option{
		nats.Name(name),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // else the second refusal in a row is the end
		nats.ReconnectWait(150 * time.Millisecond),
		nats.ReconnectJitter(350*time.Millisecond, 350*time.Millisecond),
		nats.PingInterval(time.Second),
		nats.MaxPingsOutstanding(2),
		nats.ReconnectBufSize(-1),
		nats.Timeout(2 * time.Second),
		nats.FlusherTimeout(2 * time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("nats: disconnected, reconnecting", "error", err)
			}
		}),
		nats.ConnectHandler(connected("connected")),
		nats.ReconnectHandler(connected("reconnected")),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if isRefusal(err) && !refused.Swap(true) {
				log.Error("nats: the server refuses us, trying on", "error", err)
				return
			}
			log.Debug("nats: asynchronous error", "error", err)
		}),
	}
	opts = append(opts, more...)
	if creds != "" {
		opts = append(opts, nats.UserCredentials(creds))
	}
	if !ours(servers) {
		return nil, errMalformed
	}
	nc, err := nats.Connect(servers, opts...)
	if _, malformed := errors.AsType[*url.Error](err); malformed {
		return nil, errMalformed // the error would quote it
	}
	if err == nil {
		return nc, nil
	}
	// Only the failure tells why: a connection that retries keeps it to itself.
	log.Warn("nats: no server yet, waiting for it", "servers", hosts(servers), "error", err)
	if nc, err = nats.Connect(servers, append(opts, nats.RetryOnFailedConnect(true))...); err != nil {
		return nil, fmt.Errorf("events: connect: %w", err)
	}
	return nc, nil
}

// Encrypted has the connection use TLS, verified as c says; nil leaves it to the URL
// and the system's authorities. A server that does not speak TLS is then refused.
func Encrypted(c *tls.Config) nats.Option {
	return func(o *nats.Options) error {
		if c == nil {
			return nil
		}
		return nats.Secure(c)(o)
	}
}

// InboxPrefix has answers come to subjects below prefix, which begins with _INBOX:
// responders answer nowhere else ([Answerable]). Empty leaves the default.
func InboxPrefix(prefix string) nats.Option {
	if prefix == "" {
		prefix = nats.InboxPrefix[:len(nats.InboxPrefix)-1]
	}
	return nats.CustomInboxPrefix(prefix)
}

var errMalformed = errors.New("events: connect: malformed NATS URL, want nats://host:4222, or tls, ws, wss; several separated by commas")

// ours: the library takes any scheme, and then waits for ever.
func ours(servers string) bool {
	for s := range strings.SplitSeq(servers, ",") {
		scheme, _, found := strings.Cut(strings.TrimSpace(s), "://")
		if found && !slices.Contains([]string{"nats", "tls", "ws", "wss"}, strings.ToLower(scheme)) {
			return false
		}
	}
	return true
}

// isRefusal: the server is there, and does not want us as who we are.
func isRefusal(err error) bool {
	return slices.ContainsFunc([]error{
		nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired,
	}, func(target error) bool { return errors.Is(err, target) })
}

// hosts leaves out what else a URL may hold: passwords.
func hosts(servers string) []string {
	var list []string
	for s := range strings.SplitSeq(servers, ",") {
		if u, err := url.Parse(strings.TrimSpace(s)); err == nil {
			list = append(list, u.Host)
		}
	}
	return list
}

var errDisconnected = errors.New("not connected to NATS")

// plain puts the library's words for a connection that buffers nothing into
// ours: nobody takes "outbound buffer limit exceeded" for a server that is away.
func plain(err error) error {
	if errors.Is(err, nats.ErrReconnectBufExceeded) {
		return errDisconnected
	}
	return err
}

// Reconnects returns a channel that gets a value whenever the connection comes
// back. Values that nobody waits for are merged into one.
func Reconnects(nc *nats.Conn) <-chan struct{} {
	poke := make(chan struct{}, 1)
	changes := nc.StatusChanged(nats.CONNECTED, nats.CLOSED)
	go func() {
		for status := range changes {
			if status == nats.CLOSED {
				return
			}
			select {
			case poke <- struct{}{}:
			default:
			}
		}
	}()
	return poke
}
