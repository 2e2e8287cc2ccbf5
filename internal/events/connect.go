package events

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/nats-io/nats.go"
)

// Connect opens a connection that never gives up: it keeps trying while the
// server is away, at start and later, and says so in the log. It notices a
// stalled connection within about three seconds. Nothing is buffered while
// disconnected: a revocation that was only buffered is not published.
func Connect(servers, creds, name string, log *slog.Logger) (*nats.Conn, error) {
	opts := []nats.Option{
		nats.Name(name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(150 * time.Millisecond),
		nats.ReconnectJitter(350*time.Millisecond, 350*time.Millisecond),
		nats.RetryOnFailedConnect(true),
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
		nats.ConnectHandler(func(c *nats.Conn) { log.Info("nats: connected", "server", c.ConnectedUrlRedacted()) }),
		nats.ReconnectHandler(func(c *nats.Conn) { log.Info("nats: reconnected", "server", c.ConnectedUrlRedacted()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Debug("nats: asynchronous error", "error", err)
		}),
	}
	if creds != "" {
		opts = append(opts, nats.UserCredentials(creds))
	}
	nc, err := nats.Connect(servers, opts...)
	if _, malformed := errors.AsType[*url.Error](err); malformed {
		return nil, errors.New("events: connect: malformed NATS URL") // the error would quote it
	}
	if err != nil {
		return nil, fmt.Errorf("events: connect: %w", err)
	}
	if !nc.IsConnected() {
		log.Warn("nats: no server yet, waiting for it")
	}
	return nc, nil
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
