package events_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// Servers that give no consumer are asked again soon, and servers that are merely
// slow are given their time now and then.
func TestFollowOfSlowServers(t *testing.T) {
	t.Parallel()
	nc, err := events.Connect(testenv.NATS(t).URL(), "", t.Name(), slog.New(slog.DiscardHandler))
	testenv.Must(t, err)
	t.Cleanup(nc.Close)
	log, err := events.NewJetStreamAt(nc, "SLOW", "test", 1)
	testenv.Must(t, err)
	_, err = nc.Subscribe("SLOW.>", func(m *nats.Msg) {
		pass := func() {
			on := nats.NewMsg("$JS.API." + strings.TrimPrefix(m.Subject, "SLOW."))
			on.Reply, on.Data = m.Reply, m.Data
			_ = nc.PublishMsg(on)
		}
		if strings.HasPrefix(m.Subject, "SLOW.CONSUMER.CREATE.") {
			time.AfterFunc(2*time.Second, pass) // a slow server, and not a wait for one
			return
		}
		pass()
	})
	testenv.Must(t, err)
	testenv.Must(t, log.Ensure(t.Context()))
	r := cutoff(events.ScopeToken, "", "j")
	r.TTLMillis = events.MaxTTL.Milliseconds()
	_, err = events.Publish(t.Context(), log, r)
	testenv.Must(t, err)
	for attempt := range 3 {
		for _, err = range log.Follow(t.Context(), events.Cursor{}) {
			break
		}
		if slow := errors.Is(err, events.ErrUnavailable); slow != (attempt < 2) {
			t.Errorf("attempt %d: %v", attempt, err)
		}
	}
}
