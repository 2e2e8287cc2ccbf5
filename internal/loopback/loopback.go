// Package loopback tells this machine's own addresses from those that others can reach.
package loopback

import (
	"net"
	"net/netip"
)

// Is reports whether a host, with or without a port, is this machine by a name that
// nobody else can give it.
func Is(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}
