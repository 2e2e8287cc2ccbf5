package faultproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv/poll"
	"github.com/curfew-auth/curfew/internal/testenv/port"
)

// A Proxy forwards connections made to Addr to its target.
type Proxy struct {
	addr string
	gate gate
	wg   sync.WaitGroup

	mu     sync.Mutex // guards all below
	target string
	ln     net.Listener // nil while cut or closed
	links  map[*link]struct{}
	closed bool
}

// Listen starts a proxy on a free loopback port, passing everything.
func Listen(target string) (*Proxy, error) {
	ln, err := port.Listen()
	if err != nil {
		return nil, fmt.Errorf("faultproxy: %w", err)
	}
	p := &Proxy{addr: ln.Addr().String(), target: target, links: make(map[*link]struct{})}
	p.gate.set(false, 0)
	p.serve(ln)
	return p, nil
}

// Addr is the address to connect to; it never changes.
func (p *Proxy) Addr() string { return p.addr }

// Cut resets every connection and refuses new ones, like a machine that is
// up but whose server is gone.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ln != nil {
		p.ln.Close()
		p.ln = nil
	}
	for l := range p.links {
		l.reset()
	}
}

// Stall moves no byte any more and closes nothing, like a network that drops
// every packet: connections seem alive, new ones are taken and stay silent,
// and even the end of a connection does not get through. Only what the kernel
// had already taken from the proxy still arrives.
func (p *Proxy) Stall() error {
	p.gate.set(true, 0)
	return p.listen()
}

// Delay passes everything, each byte d after it came.
func (p *Proxy) Delay(d time.Duration) error {
	p.gate.set(false, d)
	return p.listen()
}

// Heal passes everything again. What a stall or delay held back goes out at
// once; what a cut destroyed stays destroyed.
func (p *Proxy) Heal() error { return p.Delay(0) }

// SetTarget sends connections made from now on elsewhere.
func (p *Proxy) SetTarget(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = addr
}

// Conns is the number of connections that are open on the client's side.
func (p *Proxy) Conns() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

// Close resets every connection and waits for the proxy's goroutines.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.Cut()
	p.wg.Wait()
	return nil
}

// listen makes sure that the proxy takes connections. Its port may have been
// borrowed for a moment while it was cut.
func (p *Proxy) listen() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return poll.Until(ctx, func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.closed {
			return poll.Stop(fmt.Errorf("faultproxy: %w", net.ErrClosed))
		}
		if p.ln != nil {
			return nil
		}
		ln, err := net.Listen("tcp", p.addr)
		if err == nil {
			p.serve(ln)
		}
		return err
	})
}

// serve is called with mu held, or before anybody knows the proxy.
func (p *Proxy) serve(ln net.Listener) {
	p.ln = ln
	p.wg.Go(func() {
		for {
			client, err := ln.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				p.take(ln, client.(*net.TCPConn))
			}
		}
	})
}

// take starts a link, unless the proxy was cut since ln accepted the client.
func (p *Proxy) take(ln net.Listener, client *net.TCPConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := newLink(client)
	if p.ln != ln {
		l.reset()
		return
	}
	p.links[l] = struct{}{}
	target := p.target
	p.wg.Go(func() {
		l.run(&p.gate, target)
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.links, l)
	})
}
