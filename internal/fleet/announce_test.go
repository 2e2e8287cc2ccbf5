package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/fleet"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// An edge is known before it may become fresh: on every connection, and again
// after it slept for so long that issuers have forgotten it.
func TestAnnouncedOnEachConnectionAndLately(t *testing.T) {
	server := testenv.NATS(t)
	e := edgeOn(connect(t, server.URL()), "edge-1")
	var now time.Duration
	e.Elapsed = func() time.Duration { return now }
	announce := func(what string, want int64) {
		t.Helper()
		_, err := e.Announce()
		testenv.Must(t, err)
		if n := e.reports.Load(); n != want {
			t.Errorf("%s: reported %d times, want %d", what, n, want)
		}
	}
	announce("at first", 1)
	now += time.Second
	announce("a second later", 1)
	now += time.Hour // asleep
	announce("after an hour", 2)
	announce("at once again", 2)
	reconnect(t, e.Conn)
	announce("on another connection", 3)
	announce("on that again", 3)
}

// reconnect gives nc another connection.
func reconnect(t testing.TB, nc *nats.Conn) {
	t.Helper()
	before := nc.Stats().Reconnects
	testenv.Must(t, nc.ForceReconnect())
	testenv.Eventually(t, ceiling, func() error {
		if nc.Stats().Reconnects == before || !nc.IsConnected() {
			return errors.New("not connected again")
		}
		return nil
	})
}

// A hooked exchange calls what a test wants between the steps.
type hooked struct {
	events.Exchange
	before, after func()
	asked         int
}

func (h *hooked) Ask(ctx context.Context, q events.Question) (events.Answer, error) {
	h.asked++
	h.before()
	a, err := h.Exchange.Ask(ctx, q)
	h.after()
	return a, err
}

func (h *hooked) AskEdges(ctx context.Context, q events.Question) error {
	h.asked++
	h.before()
	return h.Exchange.AskEdges(ctx, q)
}

// answering is an exchange over nc where somebody answers.
func answering(t *testing.T, url string, nc *nats.Conn) *hooked {
	t.Helper()
	stop, err := events.NewNATSExchange(connect(t, url), "local").Serve(t.Context(), func(context.Context, events.Question) (events.Answer, error) {
		return events.Answer{Epoch: "e1", Seq: 7}, nil
	})
	testenv.Must(t, err)
	t.Cleanup(stop)
	return &hooked{Exchange: events.NewNATSExchange(nc, "local"), before: func() {}, after: func() {}}
}

// What was written to a connection that broke may be lost, so an answer counts
// only if announcement, question and answer went over one.
func TestAnswerOnAnotherConnection(t *testing.T) {
	server := testenv.NATS(t)
	e := edgeOn(connect(t, server.URL()), "edge-1")
	h := answering(t, server.URL(), e.Conn)
	x := fleet.Announced{Exchange: h, Reporter: e.Reporter}
	ask := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), ceiling)
		defer cancel()
		_, err := x.Ask(ctx, events.Question{Everyone: true})
		return err
	}
	testenv.Eventually(t, ceiling, ask) // the answerer may still be subscribing
	other := func() { reconnect(t, e.Conn) }
	for name, hook := range map[string]*func(){"before the question": &h.before, "after the answer": &h.after} {
		*hook = other
		if err := ask(); err == nil {
			t.Errorf("the connection changed %s, and the answer counts", name)
		}
		*hook = func() {}
		if err := ask(); err != nil {
			t.Errorf("on one connection, after it changed %s: %v", name, err)
		}
	}
}

// Who asks edges is announced as well: an issuer may be there that does not answer yet.
func TestAnnouncedBeforeEdgesAreAsked(t *testing.T) {
	server := testenv.NATS(t)
	r := newRegistry(t, server.URL())
	e := edgeOn(connect(t, server.URL()), "edge-1")
	h := answering(t, server.URL(), e.Conn)
	x := fleet.Announced{Exchange: h, Reporter: e.Reporter}
	testenv.Must(t, x.AskEdges(t.Context(), events.Question{Nonce: "q"}))
	awaitEdges(t, r, 1)
	h.before = func() { reconnect(t, e.Conn) }
	if err := x.AskEdges(t.Context(), events.Question{Nonce: "q"}); err == nil {
		t.Error("asked on another connection than it was announced on")
	}
}

// Whoever could not announce itself does not ask.
func TestNotAskedUnlessAnnounced(t *testing.T) {
	server := testenv.NATS(t)
	e := edgeOn(connect(t, server.URL()), "edge-1")
	h := answering(t, server.URL(), e.Conn)
	server.Stop()
	testenv.Eventually(t, ceiling, func() error {
		if e.Conn.IsConnected() {
			return errors.New("still connected")
		}
		return nil
	})
	x := fleet.Announced{Exchange: h, Reporter: e.Reporter}
	if _, err := x.Ask(t.Context(), events.Question{}); err == nil || h.asked != 0 {
		t.Errorf("asked %d times: %v", h.asked, err)
	}
	if err := x.AskEdges(t.Context(), events.Question{}); err == nil || h.asked != 0 {
		t.Errorf("asked edges %d times: %v", h.asked, err)
	}
}

// A report that tells too much still says who is there.
func TestLargeReportsAreRead(t *testing.T) {
	server := testenv.NATS(t)
	r := newRegistry(t, server.URL())
	e := edgeOn(connect(t, server.URL()), "edge-1")
	was := e.Reporter.Report
	e.Reporter.Report = func() fleet.Report {
		rep := was()
		rep.Version = "büro-api 1.0 " + fmt.Sprint(make([]byte, 10_000))
		for n := range 100 {
			rep.KeyIDs = append(rep.KeyIDs, fmt.Sprintf("%0128d<<<<", n))
		}
		return rep
	}
	background(t, e.Run)
	if list := awaitEdges(t, r, 1); list[0].State != "fresh" || r.Ignored() != 0 {
		t.Errorf("%+v", list)
	}
}
