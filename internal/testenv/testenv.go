package testenv

import (
	"context"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv/faultproxy"
	"github.com/curfew-auth/curfew/internal/testenv/poll"
)

// startLimit is how long a server may take to become ready. Generous, since
// all packages' tests may run at once on a small machine.
const startLimit = 60 * time.Second

// Must ends the test when err is not nil.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Eventually waits until cond returns nil, and ends the test with its last
// error when that takes longer than within. It is for conditions in other
// processes; what happens in this one can be waited for without looking.
func Eventually(t testing.TB, within time.Duration, cond func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := poll.Until(ctx, cond); err != nil {
		t.Fatalf("not within %v: %v", within, err)
	}
}

// Proxy starts a fault proxy before target, a host:port.
func Proxy(t testing.TB, target string) *faultproxy.Proxy {
	t.Helper()
	p, err := faultproxy.Listen(target)
	Must(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}

// starting bounds the start of a server.
func starting(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), startLimit)
}
