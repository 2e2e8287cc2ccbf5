package edge

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// past is a deadline that ends whatever waits for it.
var past = time.Unix(1, 0)

// A client is the one that waits for the answer. It may take any time between
// bytes, but only so long for one that is due: to take ours, to send its own.
type client struct {
	http.ResponseWriter
	control *http.ResponseController
	ctx     context.Context // of the request
	stall   time.Duration
	stalled atomic.Bool // it began a body and does not go on with it

	mu       sync.Mutex // orders what sets deadlines
	finished bool
}

// Unwrap lets a ResponseController flush.
func (w *client) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *client) Write(b []byte) (int, error) {
	if err := w.arm(w.control.SetWriteDeadline); err != nil {
		return 0, err
	}
	n, err := w.ResponseWriter.Write(b)
	w.disarm(w.control.SetWriteDeadline) // the next event may come much later
	return n, err
}

func (w *client) arm(deadline func(time.Time) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx.Err() == nil {
		_ = deadline(time.Now().Add(w.stall))
	}
	return context.Cause(w.ctx)
}

func (w *client) disarm(deadline func(time.Time) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx.Err() == nil {
		_ = deadline(time.Time{})
	}
}

// interrupt ends reads and writes that wait for the client. It comes after the
// end of ctx, so that none begins anew.
func (w *client) interrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.finished {
		_ = w.control.SetWriteDeadline(past)
		_ = w.control.SetReadDeadline(past)
	}
}

// finish bounds what the server writes after the handler. The bridge lifts it
// for the connection's next request.
func (w *client) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.finished = true
	_ = w.control.SetWriteDeadline(time.Now().Add(w.stall))
}

// Hijack ties the connection to the request: its end closes both sides, also
// when one of them does not read.
func (w *client) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buf, err := w.control.Hijack()
	if err == nil {
		context.AfterFunc(w.ctx, func() { _ = conn.Close() })
	}
	return conn, buf, err
}

// An upload is a request's body.
type upload struct {
	io.ReadCloser
	from *client
}

func (u *upload) Read(b []byte) (int, error) {
	if err := u.from.arm(u.from.control.SetReadDeadline); err != nil {
		return 0, err
	}
	n, err := u.ReadCloser.Read(b)
	// After the last byte the server listens for a hang-up, for any time.
	u.from.disarm(u.from.control.SetReadDeadline)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		u.from.stalled.Store(true)
	}
	return n, err
}
