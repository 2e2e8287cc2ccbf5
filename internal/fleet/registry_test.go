package fleet

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
)

const staleness = 2 * time.Second

func newTestRegistry(pos *events.Position) *Registry {
	return NewRegistry(nil, "local", staleness, func() events.Position { return *pos }, slog.New(slog.DiscardHandler))
}

func report(id, nonce string) message {
	m := message{Report: good()}
	m.ID, m.Instance = id, nonce
	return m
}

func (r *Registry) names() (names []string) {
	for _, e := range r.Edges() {
		names = append(names, e.ID+" "+e.Instance)
	}
	return names
}

func wantNames(t *testing.T, what string, r *Registry, want ...string) {
	t.Helper()
	if got := r.names(); !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestSilentEdges(t *testing.T) {
	r, now := newTestRegistry(new(events.Position)), time.Now()
	r.take(report("edge-2", "a"), now.Add(-goneAfter-time.Second))
	r.take(report("edge-1", "b"), now)
	wantNames(t, "both", r, "edge-1 b", "edge-2 a")
	list := r.Edges()
	if list[0].State != "fresh" || list[1].State != Gone || list[1].SilentMS < 6000 || list[1].LastSeen.After(now.Add(-goneAfter)) {
		t.Errorf("%+v", list)
	}
	if r.Count("fresh") != 1 || r.Count(Gone) != 1 {
		t.Error("counted wrongly")
	}
	r.turn(now.Add(forgetAfter - goneAfter - 2*time.Second))
	wantNames(t, "not forgotten yet", r, "edge-1 b", "edge-2 a")
	r.turn(now.Add(forgetAfter - goneAfter))
	wantNames(t, "forgotten", r, "edge-1 b")
}

// An edge that was killed and started again is shown once, but not before its
// first life has been silent for so long that it is safe.
func TestSupersededEdge(t *testing.T) {
	r, now := newTestRegistry(new(events.Position)), time.Now()
	r.take(report("edge-1", "old"), now)
	r.take(report("edge-1", "new"), now.Add(time.Second))
	r.turn(now.Add(staleness + goneAfter - time.Second))
	wantNames(t, "perhaps still fresh", r, "edge-1 new", "edge-1 old")
	r.take(report("edge-1", "new"), now.Add(staleness+goneAfter))
	r.turn(now.Add(staleness + goneAfter + time.Second))
	wantNames(t, "superseded", r, "edge-1 new")
	// Two that live under one name are both shown.
	r.take(report("edge-1", "twin"), now.Add(staleness+goneAfter+time.Second))
	r.take(report("edge-1", "new"), now.Add(time.Minute))
	r.take(report("edge-1", "twin"), now.Add(time.Minute))
	r.turn(now.Add(time.Minute + time.Second))
	wantNames(t, "twins", r, "edge-1 new", "edge-1 twin")
}

func TestGoodbye(t *testing.T) {
	r, now := newTestRegistry(new(events.Position)), time.Now()
	r.take(report("edge-1", "a"), now)
	r.take(report("edge-1", "b"), now)
	bye := report("edge-1", "a")
	bye.Leaving = true
	r.take(bye, now)
	wantNames(t, "after a goodbye", r, "edge-1 b")
}

func TestRegistryIsBounded(t *testing.T) {
	r, now := newTestRegistry(new(events.Position)), time.Now()
	for n := range maxMembers {
		r.take(report(fmt.Sprintf("edge-%05d", n), "a"), now.Add(time.Duration(n)))
	}
	r.take(report("edge-00000", "a"), now.Add(time.Second)) // heard again
	for n := range 3 {
		r.take(report("late-"+fmt.Sprint(n), "a"), now.Add(time.Second))
	}
	list := r.Edges()
	if len(list) != maxMembers || list[0].ID != "edge-00000" || list[1].ID != "edge-00004" {
		t.Errorf("%d edges, from %s %s", len(list), list[0].ID, list[1].ID)
	}
}

func TestLag(t *testing.T) {
	var pos events.Position
	r, start := newTestRegistry(&pos), time.Now()
	at := func(seconds int, epoch string, lineage, seq uint64) {
		pos = events.Position{Epoch: epoch, Lineage: lineage, Seq: seq}
		r.turn(start.Add(time.Duration(seconds) * time.Second))
	}
	check := func(what, epoch string, seq uint64, want lag) {
		t.Helper()
		if got := r.trace.lag(start.Add(10*time.Second), epoch, seq); got != want {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	check("nothing read yet", "e1", 5, lag{messages: -1})
	at(0, "e1", 1, 100)
	at(2, "e1", 1, 110)
	at(6, "e1", 1, 120)
	check("at the end", "e1", 120, lag{})
	check("ahead", "e1", 125, lag{})
	check("a little behind", "e1", 115, lag{5, 4 * time.Second})
	check("behind", "e1", 100, lag{20, 8 * time.Second})
	check("far behind", "e1", 1, lag{119, 10 * time.Second})
	check("another log", "e2", 120, lag{messages: -1})
	at(8, "e1", 2, 50) // rolled back
	check("after a rollback", "e1", 120, lag{})
	for n := range 2 * maxSamples {
		at(9, "e1", 2, 60+uint64(n))
	}
	if len(r.trace.samples) != maxSamples {
		t.Errorf("%d samples", len(r.trace.samples))
	}
}
