package loopback_test

import (
	"testing"

	"github.com/curfew-auth/curfew/internal/loopback"
)

func TestIs(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "localhost:80": true, "127.0.0.1": true, "127.8.9.1:80": true, "[::1]:80": true, "::1": true, "[::ffff:127.0.0.1]:1": true,
		"": false, ":80": false, "0.0.0.0:80": false, "[::]:80": false, "10.0.0.1": false, "localhost.example": false, "127.0.0.1.example:80": false, "127.1": false,
	} {
		if loopback.Is(host) != want {
			t.Errorf("%q: not %v", host, want)
		}
	}
}
