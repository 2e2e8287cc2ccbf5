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
