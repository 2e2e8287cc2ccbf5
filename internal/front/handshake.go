package front

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/internal/tlsfiles"
)

const (
	// handshakeTimeout is how long a client may take for it.
	handshakeTimeout = 5 * time.Second
	// handshakeLog is the least time between two lines about those that failed.
	handshakeLog = 10 * time.Second
)

// A Shield encrypts listeners. The zero value leaves them in plain text.
type Shield struct {
	TLS    *tls.Config
	Failed *Handshakes // nil: those that fail are not counted
}

// Handshakes counts those that fail, and says now and then why: an operator who asks
// clients for certificates sees here whom that shuts out. Safe for concurrent use.
type Handshakes struct {
	log    *slog.Logger
	failed prometheus.Counter

	mu    sync.Mutex
	said  time.Time
	since int // failures since then
}

// NewHandshakes makes one for all listeners of a service, whose certificate is in a
// file; empty: it has none, and nothing is measured.
func NewHandshakes(cert string, registry prometheus.Registerer, log *slog.Logger) *Handshakes {
	h := &Handshakes{log: log, failed: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "curfew_tls_handshakes_failed_total", Help: "TLS handshakes of clients that failed, also those that were never begun.",
	})}
	if cert != "" {
		registry.MustRegister(h.failed, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "curfew_tls_certificate_expiry_timestamp_seconds", Help: "When the certificate in the file tls_cert expires, in Unix time; 0 if it cannot be read.",
		}, func() float64 { return float64(tlsfiles.Expiry(cert)) }))
	}
	return h
}

// Shield is that of a listener with these files, which speaks the protocols.
func (h *Handshakes) Shield(f tlsfiles.Files, protocols ...string) (Shield, error) {
	c, err := tlsfiles.Server(f, h.log, protocols...)
	return Shield{c, h}, err
}

func (h *Handshakes) fail(from net.Addr, err error) {
	h.failed.Inc()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.since++
	if now := time.Now(); now.Sub(h.said) >= handshakeLog {
		h.log.Warn("tls: handshakes failed", "times", h.since, "last_from", from.String(), "last_error", err)
		h.said, h.since = now, 0
	}
}

// A shielded listener hands out connections once their handshake is done: servers do
// not wait for those that never begin it, and close them when they drain.
type shielded struct {
	net.Listener
	shield Shield
	ready  chan net.Conn
	ctx    context.Context // ends with the listener
	cancel context.CancelCauseFunc
}

// Listen is ln behind the shield. Its connections are of the type *tls.Conn, by which
// net/http knows what protocol was chosen.
func (s Shield) Listen(ln net.Listener) net.Listener {
	if s.TLS == nil {
		return ln
	}
	if _, lasts := ln.(*tracked); !lasts { // it survives a shortage of file descriptors
		ln = newTracked(ln)
	}
	l := &shielded{Listener: ln, shield: s, ready: make(chan net.Conn)}
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	go l.run()
	return l
}

func (l *shielded) run() {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			l.cancel(fmt.Errorf("front: accept: %w", err)) // no server may take it for one that passes
			return
		}
		go l.shake(conn)
	}
}

func (l *shielded) shake(conn net.Conn) {
	ctx, cancel := context.WithTimeout(l.ctx, handshakeTimeout)
	defer cancel()
	secured := tls.Server(conn, l.shield.TLS)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		if l.ctx.Err() == nil && l.shield.Failed != nil {
			l.shield.Failed.fail(conn.RemoteAddr(), err)
		}
		return
	}
	select {
	case l.ready <- secured:
	case <-l.ctx.Done():
		_ = conn.Close()
	}
}

func (l *shielded) Accept() (net.Conn, error) {
	select {
	case conn := <-l.ready:
		return conn, nil
	case <-l.ctx.Done():
		return nil, context.Cause(l.ctx)
	}
}

func (l *shielded) Close() error {
	err := l.Listener.Close()
	l.cancel(net.ErrClosed)
	return err
}
