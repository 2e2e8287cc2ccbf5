package front

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// spareHeader is how much longer than MaxHeader a header may be to get an
// answer of ours, in bytes; what is longer still net/http refuses in its words.
const spareHeader = 64 << 10

// ServeHTTP is Serve for a handler of net/http, over HTTP/1.1 and HTTP/2: of clients
// that choose it by ALPN or, in plain text, begin with it. Bodies may be of any length and
// last as long as the handler lets them.
func ServeHTTP(ctx context.Context, handler http.Handler, ln net.Listener, shield Shield, d *Drain) error {
	t := newTracked(ln)
	defer t.cut()
	s := &http.Server{
		Handler: handler, ReadHeaderTimeout: readTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: MaxHeader + spareHeader, DisableGeneralOptionsHandler: true,
		ErrorLog: log.New(io.Discard, "", 0), Protocols: new(http.Protocols),
	}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(shield.TLS != nil)
	s.Protocols.SetUnencryptedHTTP2(shield.TLS == nil)
	served := make(chan error, 1)
	go func() { served <- s.Serve(shield.Listen(t)) }()

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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.finish)
	defer cancel()
	err := s.Shutdown(ctx)
	_ = t.Close() // a shutdown that comes before Serve does not know ln
	<-served
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("front: drain: %w", err)
	}
	return nil
}
