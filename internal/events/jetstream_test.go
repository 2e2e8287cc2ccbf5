package events_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/events/logtest"
	"github.com/curfew-auth/curfew/internal/testenv"
)

func TestJetStream(t *testing.T) {
	logtest.Run(t, func(t *testing.T) logtest.Harness {
		server := testenv.NATS(t)
		nc, err := events.Connect(server.URL(), "", t.Name(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		log, err := events.NewJetStream(nc, "test", 1)
		if err != nil {
			t.Fatal(err)
		}
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		return logtest.Harness{
			Log: log,
			Recreate: func() {
				must(js.DeleteStream(t.Context(), "CURFEW_test"))
				must(log.Ensure(t.Context()))
			},
			Purge: func() {
				stream, err := js.Stream(t.Context(), "CURFEW_test")
				must(err)
				must(stream.Purge(t.Context()))
			},
			Interrupt: func() {
				server.Restart()
				testenv.Eventually(t, 10*time.Second, func() error {
					_, err := log.State(context.WithoutCancel(t.Context()))
					return err
				})
			},
		}
	})
}

// The server keeps an entry for as long as any may live.
func TestJetStreamKeepsTheLongestLife(t *testing.T) {
	server := testenv.NATS(t)
	nc, err := events.Connect(server.URL(), "", t.Name(), slog.New(slog.DiscardHandler))
	testenv.Must(t, err)
	t.Cleanup(nc.Close)
	log, err := events.NewJetStream(nc, "test", 1)
	testenv.Must(t, err)
	testenv.Must(t, log.Ensure(t.Context()))
	r := cutoff(events.ScopeToken, "", "j")
	r.TTLMillis = events.MaxTTL.Milliseconds()
	_, err = events.Publish(t.Context(), log, r)
	testenv.Must(t, err)
	for m, err := range log.Follow(t.Context(), events.Cursor{}) {
		testenv.Must(t, err)
		if m.TTL != events.MaxTTL {
			t.Errorf("the server keeps it for %v, want %v", m.TTL, events.MaxTTL)
		}
		break
	}
}
