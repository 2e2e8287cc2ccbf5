package fleet

import (
	"errors"
	"log/slog"
	"strings"
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

// A connection that stalls just when we subscribe brings no reports. So we listen
// from when the server has confirmed it, not from when we asked.
func TestListensFromWhenTheServerConfirms(t *testing.T) {
	server := testenv.NATS(t)
	proxy := testenv.Proxy(t, strings.TrimPrefix(server.URL(), "nats://"))
	nc, err := events.Connect("nats://"+proxy.Addr(), "", "test", slog.New(slog.DiscardHandler))
	testenv.Must(t, err)
	t.Cleanup(nc.Close)
	r := NewRegistry(nc, "local", func() time.Duration { return staleness }, func() events.Position { return events.Position{} }, slog.New(slog.DiscardHandler))
	testenv.Must(t, proxy.Stall())
	r.ask(t.Context())
	if r.listening() || !r.hearing.since.IsZero() || r.unsettled(time.Now()) <= 0 {
		t.Error("it listens, although the server has confirmed nothing")
	}
	testenv.Must(t, proxy.Heal())
	testenv.Eventually(t, 30*time.Second, func() error {
		if r.listenAgain(t.Context()); !r.listening() {
			return errors.New("not yet")
		}
		return nil
	})
}
