package fleet

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// Between a reconnect and the next question to all, an edge may be fresh whose
// reports nobody here has heard. Nothing runs in this registry that would ask.
func TestNotCompleteAfterAReconnect(t *testing.T) {
	server := testenv.NATS(t)
	nc, err := events.Connect(server.URL(), "", "test", slog.New(slog.DiscardHandler))
	testenv.Must(t, err)
	t.Cleanup(nc.Close)
	r := NewRegistry(nc, "local", func() time.Duration { return staleness }, func() events.Position { return events.Position{} }, slog.New(slog.DiscardHandler))
	complete := func() bool { return r.complete(time.Now()) }
	if complete() {
		t.Error("complete before anybody was asked")
	}
	askedLongAgo := func() {
		r.ask(t.Context())
		r.HeardSince(time.Minute)
	}
	askedLongAgo()
	if !complete() {
		t.Error("not complete after a minute on one connection")
	}
	server.Restart()
	testenv.Eventually(t, 30*time.Second, func() error {
		if nc.Stats().Reconnects == 0 || !nc.IsConnected() {
			return errors.New("not connected again")
		}
		return nil
	})
	if complete() {
		t.Error("complete, by what was heard on a connection that was lost")
	}
	askedLongAgo()
	if !complete() {
		t.Error("not complete after a minute on the second connection")
	}
}
