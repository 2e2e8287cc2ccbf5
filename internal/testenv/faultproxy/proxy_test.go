package faultproxy_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv/faultproxy"
)

// within bounds what must happen; silence is how long nothing must.
const (
	within  = 10 * time.Second
	silence = 100 * time.Millisecond
)

// echo is a server that sends everything back, and its end after the end.
func echo(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { ln.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { defer c.Close(); io.Copy(c, c) })
		}
	})
	return ln.Addr().String()
}

func proxy(t *testing.T) *faultproxy.Proxy {
	t.Helper()
	p, err := faultproxy.Listen(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func dial(t *testing.T, p *faultproxy.Proxy) *net.TCPConn {
	t.Helper()
	c, err := net.DialTimeout("tcp", p.Addr(), within)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, c net.Conn, text string) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(within))
	buf := make([]byte, len(text))
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != text {
		t.Fatalf("got %q, %v, want %q", buf, err, text)
	}
}

func expectSilence(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(silence))
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %d bytes, %v, want silence on an open connection", n, err)
	}
}

func expectEnd(t *testing.T, c net.Conn, want error) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(within))
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, want) {
		t.Fatalf("got %d bytes, %v, want %v", n, err, want)
	}
}

func heal(t *testing.T, p *faultproxy.Proxy) {
	t.Helper()
	if err := p.Heal(); err != nil {
		t.Fatal(err)
	}
}

func TestPass(t *testing.T) {
	c := dial(t, proxy(t))
	send(t, c, "hello")
	expect(t, c, "hello")
	c.CloseWrite()
	expectEnd(t, c, io.EOF)
}

func TestCut(t *testing.T) {
	p := proxy(t)
	c := dial(t, p)
	send(t, c, "hello")
	expect(t, c, "hello")
	p.Cut()
	expectEnd(t, c, syscall.ECONNRESET)
	if _, err := net.DialTimeout("tcp", p.Addr(), within); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("got %v, want a refused connection", err)
	}
	heal(t, p)
	c = dial(t, p)
	send(t, c, "again")
	expect(t, c, "again")
}

func TestStall(t *testing.T) {
	p := proxy(t)
	old := dial(t, p)
	send(t, old, "one")
	expect(t, old, "one")
	if err := p.Stall(); err != nil {
		t.Fatal(err)
	}
	fresh := dial(t, p)
	send(t, old, "two")
	old.CloseWrite()
	send(t, fresh, "three")
	expectSilence(t, old)
	expectSilence(t, fresh)
	heal(t, p)
	expect(t, old, "two")
	expectEnd(t, old, io.EOF)
	expect(t, fresh, "three")
}

func TestCutEndsAStall(t *testing.T) {
	p := proxy(t)
	c := dial(t, p)
	send(t, c, "one")
	expect(t, c, "one")
	if err := p.Stall(); err != nil {
		t.Fatal(err)
	}
	p.Cut()
	expectEnd(t, c, syscall.ECONNRESET)
}

func TestDelay(t *testing.T) {
	p := proxy(t)
	c := dial(t, p)
	const d = 50 * time.Millisecond
	if err := p.Delay(d); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	send(t, c, "slow")
	expect(t, c, "slow")
	if took := time.Since(start); took < 2*d {
		t.Fatalf("there and back in %v, want at least %v", took, 2*d)
	}
	if err := p.Delay(time.Hour); err != nil {
		t.Fatal(err)
	}
	send(t, c, "held")
	expectSilence(t, c)
	heal(t, p)
	expect(t, c, "held")
}

// A delay must not make the pipe narrow: a megabyte in many chunks comes
// about one delay later each way, not one delay per chunk, which would be six
// seconds.
func TestDelayKeepsThroughput(t *testing.T) {
	p := proxy(t)
	c := dial(t, p)
	const d = 100 * time.Millisecond
	if err := p.Delay(d); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	roundTrip(t, c, 1<<20, func() {})
	if took := time.Since(start); took > 2*d+4*time.Second {
		t.Fatalf("took %v", took)
	}
}

// Bytes are neither lost, doubled nor swapped while modes change.
func TestByteExactUnderChanges(t *testing.T) {
	p := proxy(t)
	c := dial(t, p)
	roundTrip(t, c, 8<<20, func() {
		p.Stall()
		p.Delay(time.Millisecond)
		p.Heal()
	})
}

func roundTrip(t *testing.T, c *net.TCPConn, size int, disturb func()) {
	t.Helper()
	want := make([]byte, size)
	rand.Read(want)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { c.Write(want); c.CloseWrite() })
	stop := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				disturb()
			}
		}
	})
	c.SetReadDeadline(time.Now().Add(6 * within))
	got, err := io.ReadAll(c)
	close(stop)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %d bytes, %v, want the %d sent", len(got), err, size)
	}
}

func TestResetIsPassedOn(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	p, err := faultproxy.Listen(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	c := dial(t, p)
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server.(*net.TCPConn).SetLinger(0)
	server.Close()
	expectEnd(t, c, syscall.ECONNRESET)
}

func TestSetTarget(t *testing.T) {
	p := proxy(t)
	p.SetTarget("127.0.0.1:1") // nobody listens there
	// The reset may come so early that connecting itself reports it.
	if c, err := net.DialTimeout("tcp", p.Addr(), within); err == nil {
		defer c.Close()
		expectEnd(t, c, syscall.ECONNRESET)
	} else if !errors.Is(err, syscall.ECONNRESET) {
		t.Fatal(err)
	}
	p.SetTarget(echo(t))
	c := dial(t, p)
	send(t, c, "moved")
	expect(t, c, "moved")
}

func TestClose(t *testing.T) {
	p := proxy(t)
	c := dial(t, p)
	send(t, c, "x")
	expect(t, c, "x")
	p.Close()
	if n := p.Conns(); n != 0 {
		t.Fatalf("%d connections left", n)
	}
	expectEnd(t, c, syscall.ECONNRESET)
	if err := p.Heal(); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("healed a closed proxy: %v", err)
	}
}
