package front

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
)

// HTTP2 is the protocol of gRPC, by its name in ALPN (RFC 7301, RFC 9113 section 3.2).
const HTTP2 = "h2"

// What a TLS configuration for Serve has to offer, and for ServeHTTP, by ALPN.
var (
	FiberProtocols = []string{"http/1.1"}
	HTTPProtocols  = []string{HTTP2, "http/1.1"}
)

// Serve serves app on ln until ctx ends, and then drains: see [Drain], which
// the app should have been made with. Connections that are still busy at its
// end are cut. It owns ln. It returns nil after a complete drain;
// context.DeadlineExceeded, wrapped, when connections had to be cut; else what
// broke the listener. Behind a shield, clients speak TLS.
func Serve(ctx context.Context, app *fiber.App, ln net.Listener, s Shield, d *Drain) error {
	t := newTracked(ln)
	defer t.cut()
	served := make(chan error, 1)
	go func() { served <- app.Listener(s.Listen(t)) }()

	select {
	case err := <-served:
		return broken(err)
	case <-ctx.Done():
	}
	d.begin()
	select {
	case err := <-served:
		return broken(err)
	case <-time.After(d.delay):
	}
	return finish(ctx, app, t, served, d.finish)
}

func finish(ctx context.Context, app *fiber.App, t *tracked, served <-chan error, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	err := app.ShutdownWithContext(ctx)
	_ = t.Close() // fasthttp forgets a shutdown that comes before it serves
	<-served
	if err != nil {
		return fmt.Errorf("front: drain: %w", err)
	}
	return nil
}

func broken(err error) error {
	if err == nil {
		err = net.ErrClosed
	}
	return fmt.Errorf("front: serve: %w", err)
}

// A tracked listener knows its open connections, and survives a shortage of
// file descriptors, which would end fasthttp's accept loop.
type tracked struct {
	net.Listener
	closed    chan struct{} // closed by Close
	closeOnce sync.Once

	mu   sync.Mutex
	open map[*trackedConn]struct{} // nil after cut
}

type trackedConn struct {
	net.Conn
	of *tracked
}

func newTracked(ln net.Listener) *tracked {
	return &tracked{Listener: ln, closed: make(chan struct{}), open: map[*trackedConn]struct{}{}}
}

func (t *tracked) Accept() (net.Conn, error) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		conn, err := t.Listener.Accept()
		switch {
		case err == nil:
			return t.add(conn), nil
		case !passing(err):
			return nil, err
		}
		select {
		case <-time.After(pause):
		case <-t.closed:
		}
	}
}

func (t *tracked) Close() error {
	t.closeOnce.Do(func() { close(t.closed) })
	return t.Listener.Close()
}

func (t *tracked) add(conn net.Conn) net.Conn {
	c := &trackedConn{conn, t}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open == nil {
		_ = conn.Close() // accepted while cut ran
		return c
	}
	t.open[c] = struct{}{}
	return c
}

func (c *trackedConn) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// cut closes the listener and every connection.
func (t *tracked) cut() {
	_ = t.Close() // twice is harmless
	t.mu.Lock()
	open := t.open
	t.open = nil
	t.mu.Unlock()
	for c := range open {
		_ = c.Conn.Close()
	}
}
