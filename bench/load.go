package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// hit sends the same request over so many connections, each waiting for its
// answer before it sends the next, and returns how many were answered per
// second. It parses no more than it must: load and server share the machine.
func hit(ctx context.Context, address string, request []byte, connections int, lasting time.Duration) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, lasting)
	defer cancel()
	var answered atomic.Int64
	var clients sync.WaitGroup
	errs := make(chan error, connections)
	start := time.Now()
	for range connections {
		clients.Go(func() {
			n, err := ask(ctx, address, request)
			answered.Add(n)
			if err != nil {
				errs <- err
			}
		})
	}
	clients.Wait()
	close(errs)
	if err := <-errs; err != nil {
		return 0, err
	}
	return float64(answered.Load()) / time.Since(start).Seconds(), nil
}

// ask repeats a request over one connection until ctx ends.
func ask(ctx context.Context, address string, request []byte) (n int64, err error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for ; ctx.Err() == nil; n++ {
		if _, err := conn.Write(request); err != nil {
			return n, err
		}
		if err := skipAnswer(answers); err != nil {
			return n, err
		}
	}
	return n, nil
}

var errNotOK = errors.New("an answer that is not 200, or has a body")

// skipAnswer reads one answer without a body.
func skipAnswer(r *bufio.Reader) error {
	status, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("%w: %s", errNotOK, status)
	}
	for {
		line, err := r.ReadSlice('\n')
		switch {
		case err != nil:
			return err
		case len(line) <= 2:
			return nil
		case bytes.HasPrefix(line, []byte("Content-Length: ")) && string(line) != "Content-Length: 0\r\n":
			return errNotOK
		}
	}
}

// answerOf returns the bytes of one answer's header.
func answerOf(address string, request []byte) (head []byte, err error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := conn.Write(request); err != nil {
		return nil, err
	}
	r := bufio.NewReader(conn)
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		line, err := r.ReadBytes('\n')
		if head = append(head, line...); err != nil {
			return head, errors.Join(err, io.ErrUnexpectedEOF)
		}
	}
	return head, nil
}
