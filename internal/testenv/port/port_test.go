package port_test

import (
	"net"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv/port"
)

func TestFreeN(t *testing.T) {
	ports, err := port.FreeN(50)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, p := range ports {
		if seen[p] || p >= 32768 || p < 1024 {
			t.Fatalf("port %d: seen before, or outside the range no client is given", p)
		}
		seen[p] = true
	}
}

// Tests of several packages run at once and start their servers some time after
// they have chosen the ports.
func TestFreeIsKept(t *testing.T) {
	p, err := port.Free()
	if err != nil {
		t.Fatal(err)
	}
	if mark, err := net.ListenPacket("udp", port.Loopback(p)); err == nil {
		mark.Close()
		t.Error("another process could be given the same port")
	}
	for range 2 { // and the server may come and go
		ln, err := net.Listen("tcp", port.Loopback(p))
		if err != nil {
			t.Fatal(err)
		}
		ln.Close()
	}
}

func TestListen(t *testing.T) {
	ln, err := port.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if _, err := net.Listen("tcp", ln.Addr().String()); err == nil {
		t.Fatal("a second listener got the same port")
	}
}
