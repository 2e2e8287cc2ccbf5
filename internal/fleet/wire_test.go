package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/fleet"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// ceiling is what any wait may take on a machine that does much else.
const ceiling = 30 * time.Second

// bound is what issuers and edges go by.
const bound = 2 * time.Second

func staleness() time.Duration { return bound }

var quiet = slog.New(slog.DiscardHandler)

func connect(t testing.TB, url string) *nats.Conn {
	t.Helper()
	nc, err := events.Connect(url, "", "test", quiet)
	testenv.Must(t, err)
	t.Cleanup(nc.Close)
	return nc
}

// background runs f until the test ends or stop is called, and waits for it.
func background(t testing.TB, f func(context.Context)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); f(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func newRegistry(t testing.TB, url string) *fleet.Registry {
	t.Helper()
	r := fleet.NewRegistry(connect(t, url), "local", staleness, func() events.Position { return events.Position{} }, quiet)
	background(t, r.Run)
	return r
}

// An edge reports, counts its reports, and holds what it is told to.
type edge struct {
	*fleet.Reporter
	reports atomic.Int64
	stop    func()

	mu    sync.Mutex
	pos   events.Position
	moved chan struct{}
	held  map[fleet.Entry]bool
	mode  string
	bound time.Duration
}

func newEdge(t testing.TB, url, id string) *edge {
	t.Helper()
	e := edgeOn(connect(t, url), id)
	e.stop = background(t, e.Run)
	return e
}

func edgeOn(nc *nats.Conn, id string) *edge {
	e := &edge{moved: make(chan struct{}), held: map[fleet.Entry]bool{}, mode: "local", bound: bound}
	start := time.Now()
	e.Reporter = &fleet.Reporter{
		Conn: nc, Region: "local", ID: id, Life: fleet.NewLife(), Log: quiet, Elapsed: func() time.Duration { return time.Since(start) },
		Report: e.report, Watch: e.watch, Holds: e.holds,
		Reserve: &fleet.Reserve{Elapsed: func() time.Duration { return time.Since(start) }},
	}
	return e
}

func (e *edge) report() fleet.Report {
	return fleet.Report{State: "fresh", Mode: e.mode, StalenessMS: e.bound.Milliseconds(), AppliedSeq: uint64(e.reports.Add(1))}
}

func (e *edge) watch() (events.Position, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.pos, e.moved
}

func (e *edge) holds(entry fleet.Entry) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.held[entry]
}

// apply takes entries in, and moves to seq of the epoch.
func (e *edge) apply(epoch string, seq uint64, entries ...fleet.Entry) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, entry := range entries {
		e.held[entry] = true
	}
	e.pos = events.Position{Epoch: epoch, Seq: seq}
	close(e.moved)
	e.moved = make(chan struct{})
}

func awaitEdges(t testing.TB, r *fleet.Registry, n int) []fleet.Edge {
	t.Helper()
	testenv.Eventually(t, ceiling, func() error {
		if got := len(r.Edges()); got != n {
			return fmt.Errorf("%d edges, want %d", got, n)
		}
		return nil
	})
	return r.Edges()
}

func TestReportsReachEveryIssuer(t *testing.T) {
	server := testenv.NATS(t)
	first := newRegistry(t, server.URL())
	e := newEdge(t, server.URL(), "edge-1")
	newEdge(t, server.URL(), "edge-2")
	awaitEdges(t, first, 2)
	late := newRegistry(t, server.URL())
	if list := awaitEdges(t, late, 2); list[0].ID != "edge-1" || list[1].ID != "edge-2" || list[0].State != "fresh" {
		t.Errorf("%+v", list)
	}
	e.stop()
	e.Leave()
	awaitEdges(t, first, 1)
	awaitEdges(t, late, 1)
}

// Whoever asks is told at once, not at the next report.
func TestAskedForAReport(t *testing.T) {
	server := testenv.NATS(t)
	e := newEdge(t, server.URL(), "edge-1")
	nc := connect(t, server.URL())
	heard, err := nc.SubscribeSync("curfew.local.edge.*")
	testenv.Must(t, err)
	testenv.Must(t, nc.Flush())
	for _, subject := range []string{"curfew.local.report", "curfew.local.report.edge-1"} {
		_, err := heard.NextMsg(ceiling)
		testenv.Must(t, err)
		before := e.reports.Load()
		start := time.Now()
		for range 10 { // by turns it would take 1.2 s each
			testenv.Must(t, nc.Publish(subject, nil))
			testenv.Eventually(t, ceiling, func() error {
				if e.reports.Load() == before {
					return errors.New("no report")
				}
				return nil
			})
			before = e.reports.Load()
		}
		if took := time.Since(start); took > 9*time.Second {
			t.Errorf("%s: 10 reports took %v", subject, took)
		}
	}
}

// After NATS was away, nobody waits for the next turn, and nobody is lost.
func TestReportsAfterARestart(t *testing.T) {
	server := testenv.NATS(t)
	r := newRegistry(t, server.URL())
	newEdge(t, server.URL(), "edge-1")
	before := awaitEdges(t, r, 1)[0].AppliedSeq
	server.Restart()
	testenv.Eventually(t, ceiling, func() error {
		if list := r.Edges(); len(list) != 1 || list[0].AppliedSeq <= before {
			return fmt.Errorf("%+v", list)
		}
		return nil
	})
}

func TestGarbageIsSomebody(t *testing.T) {
	server := testenv.NATS(t)
	r := newRegistry(t, server.URL())
	e := newEdge(t, server.URL(), "edge-1")
	awaitEdges(t, r, 1)
	nc := connect(t, server.URL())
	for _, data := range []string{"", "{}", `{"id":"edge-9","instance":"x"}`, `{"id":"edge-1","instance":"\u001b"}`, "\xff\xfe"} {
		testenv.Must(t, nc.Publish("curfew.local.edge.edge-1", []byte(data)))
	}
	testenv.Eventually(t, ceiling, func() error {
		if n := r.Ignored(); n != 5 {
			return fmt.Errorf("%d ignored", n)
		}
		return nil
	})
	// Somebody is there under the subject's name, and may be fresh.
	if list := awaitEdges(t, r, 2); list[0].State != fleet.Unreadable || list[0].ID != "edge-1" || list[1].State != "fresh" {
		t.Errorf("%+v", list)
	}
	e.apply("e1", 7, entry("a"))
	r.HeardSince(time.Hour)
	got := (&site{Registry: r}).within(t, short, 7, entry("a"))
	if got.Everywhere || got.Expected != 2 || !slices.Equal(got.Missing, []string{"edge-1"}) {
		t.Errorf("somebody cannot confirm: %+v", got)
	}
}
