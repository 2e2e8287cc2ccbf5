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
	"sync"
)

// Ports are taken from below the range that Linux (32768) and the IANA range
// (49152) give to outgoing connections: a port that is free for the moment
// because its server was killed is then not handed to some client meanwhile.
const lowest, highest = 16384, 32767

const attempts = 200

// Free returns a port nobody listened on a moment ago, and which neither this
// process nor the tests of another package are given as long as this process
// lives, whether a server is up on it or is about to be started again. A
// stranger may still take it first: who binds it must be ready to ask again.
func Free() (int, error) {
	var last error
	for range attempts {
		port := lowest + rand.IntN(highest-lowest+1)
		if last = take(port); last == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("port: none of %d tried is free: %w", attempts, last)
}

// taken keeps what take has taken. The end of the process gives it back.
var taken sync.Map

// take takes a TCP port by binding the UDP port of the same number, which no
// server of ours uses: the kernel lets only one process have it.
func take(port int) error {
	mark, err := net.ListenPacket("udp", Loopback(port))
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", Loopback(port))
	if err != nil {
		return errors.Join(err, mark.Close())
	}
	taken.Store(port, mark)
	return ln.Close()
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
