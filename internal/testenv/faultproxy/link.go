package faultproxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// A link is one connection of a client and the one to the target behind it.
type link struct {
	ctx    context.Context // ends when the link is reset
	cancel context.CancelFunc

	mu    sync.Mutex // guards conns
	conns []*net.TCPConn
}

func newLink(client *net.TCPConn) *link {
	l := &link{conns: []*net.TCPConn{client}}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// run connects to the target and moves bytes both ways until both sides have
// ended or the link is reset.
func (l *link) run(g *gate, target string) {
	defer l.reset()
	if g.wait(l.ctx, time.Now()) != nil {
		return
	}
	conn, err := (&net.Dialer{}).DialContext(l.ctx, "tcp", target)
	if err != nil || !l.add(conn.(*net.TCPConn)) {
		return
	}
	client, server := l.conns[0], l.conns[1]
	var both sync.WaitGroup
	both.Go(func() { l.pump(g, client, server) })
	both.Go(func() { l.pump(g, server, client) })
	both.Wait()
	l.close() // both ends are through: say goodbye, not reset
}

// add takes the second connection, unless the link was reset meanwhile.
func (l *link) add(c *net.TCPConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, c)
	if l.ctx.Err() != nil {
		abort(c)
		return false
	}
	return true
}

// reset ends both connections with a TCP reset.
func (l *link) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cancel()
	for _, c := range l.conns {
		abort(c)
	}
}

func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.Close()
	}
}

// abort closes with a reset; on a connection already closed it does nothing.
func abort(c *net.TCPConn) {
	c.SetLinger(0)
	c.Close()
}

// A chunk is what one read brought, and when.
type chunk struct {
	data []byte
	err  error // io.EOF is the sender's FIN, anything else a reset
	came time.Time
}

// In flight in one direction are at most inFlight chunks of chunkSize bytes.
const (
	inFlight  = 64
	chunkSize = 32 << 10
)

// pump moves bytes one way. Reading runs ahead of writing, so that a delay
// slows the bytes down without narrowing the pipe.
func (l *link) pump(g *gate, from, to *net.TCPConn) {
	chunks := make(chan chunk, inFlight)
	var reader sync.WaitGroup
	reader.Go(func() { l.read(from, chunks) })
	defer reader.Wait()
	for c := range chunks {
		if g.wait(l.ctx, c.came) != nil {
			return
		}
		if err := deliver(to, c); err != nil {
			l.reset() // one side is gone: the other must learn it
			return
		}
	}
}

func deliver(to *net.TCPConn, c chunk) error {
	if len(c.data) > 0 {
		if _, err := to.Write(c.data); err != nil {
			return err
		}
	}
	if errors.Is(c.err, io.EOF) {
		to.CloseWrite() // fails only when the other side has gone already
		return nil
	}
	return c.err
}

func (l *link) read(from *net.TCPConn, chunks chan<- chunk) {
	defer close(chunks)
	buf := make([]byte, chunkSize)
	for {
		n, err := from.Read(buf)
		select {
		case chunks <- chunk{data: bytes.Clone(buf[:n]), err: err, came: time.Now()}:
		case <-l.ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}
