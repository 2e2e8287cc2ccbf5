// Package port finds free TCP ports on the loopback interface, for servers
// that must be told a number before they start, and must come back on the
// same one after a restart.
package port

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are taken from below the range that Linux (32768) and the IANA range
// (49152) give to outgoing connections: a port that is free for the moment
// because its server was killed is then not handed to some client meanwhile.
const lowest, highest = 16384, 32767

const attempts = 200

// Free returns a port nobody listened on a moment ago. Another process may
// still take it first: who binds it must be ready to ask again.
func Free() (int, error) {
	var last error
	for range attempts {
		port := lowest + rand.IntN(highest-lowest+1)
		ln, err := net.Listen("tcp", Loopback(port))
		if err != nil {
			last = err
			continue
		}
		return port, ln.Close()
	}
	return 0, fmt.Errorf("port: none of %d tried is free: %w", attempts, last)
}

// FreeN returns n different free ports.
func FreeN(n int) ([]int, error) {
	seen := make(map[int]bool, n)
	ports := make([]int, 0, n)
	for len(ports) < n {
		port, err := Free()
		if err != nil {
			return nil, err
		}
		if !seen[port] {
			seen[port] = true
			ports = append(ports, port)
		}
	}
	return ports, nil
}

// Loopback is the address of a port on this machine.
func Loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Listen listens on a free loopback port, without the gap that Free leaves.
func Listen() (net.Listener, error) {
	var errs []error
	for range 20 {
		port, err := Free()
		if err != nil {
			return nil, err
		}
		ln, err := net.Listen("tcp", Loopback(port))
		if err == nil {
			return ln, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}
