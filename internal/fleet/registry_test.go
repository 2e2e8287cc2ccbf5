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

// newTestRegistry is one that has listened for an hour, without a connection.
func newTestRegistry(pos *events.Position) *Registry {
	r := NewRegistry(nil, "local", func() time.Duration { return staleness }, func() events.Position { return *pos }, slog.New(slog.DiscardHandler))
	r.connection = func() (uint64, bool) { return 0, true }
	r.hearing.since = time.Now().Add(-time.Hour)
	return r
}

func report(id, nonce string) message {
	m := message{Report: good()}
	m.ID, m.Instance, m.StalenessMS = id, nonce, staleness.Milliseconds()
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
		t.Errorf("%s: %d, %.200q, want %q", what, len(got), fmt.Sprint(got), want)
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

// Reports that do not reach us are no silence: an edge with a twin is not taken
// for superseded, nor forgotten, while nobody listens.
func TestSilenceCountsWhileWeListen(t *testing.T) {
	for name, deafen := range map[string]func(*Registry){
		"disconnected":       func(r *Registry) { r.connection = func() (uint64, bool) { return 0, false } },
		"another connection": func(r *Registry) { r.connection = func() (uint64, bool) { return 1, true } },
		"reports lost":       func(r *Registry) { r.dropped = func() (int, error) { return 1, nil } },
		"not asked yet":      func(r *Registry) { r.hearing.since = time.Time{} },
	} {
		r, now := newTestRegistry(new(events.Position)), time.Now()
		r.take(report("edge-1", "old"), now)
		r.take(report("edge-1", "new"), now.Add(time.Second))
		deafen(r)
		later := now.Add(2 * forgetAfter)
		r.turn(later)
		wantNames(t, name, r, "edge-1 new", "edge-1 old")
		if n := len(r.expect(later)); n != 2 || r.complete(later) {
			t.Errorf("%s: %d are expected, complete: %t", name, n, r.complete(later))
		}
		// They get as much time again once we listen.
		lost, _ := r.dropped()
		on, _ := r.connection()
		r.connection = func() (uint64, bool) { return on, true }
		r.hearing = hearing{since: later, connection: on, lost: lost}
		r.turn(later.Add(staleness + goneAfter))
		wantNames(t, name+", and back", r, "edge-1 new", "edge-1 old")
		r.turn(later.Add(staleness + goneAfter + time.Second))
		wantNames(t, name+", and back for long", r, "edge-1 new")
	}
}

func TestGoodbye(t *testing.T) {
	r, now, life := newTestRegistry(new(events.Position)), time.Now(), NewLife()
	r.take(report("edge-1", life.Instance()), now)
	r.take(report("edge-1", "b"), now)
	bye := report("edge-1", life.Instance())
	bye.Leaving, bye.Farewell = true, life.farewell()
	r.take(bye, now)
	wantNames(t, "after a goodbye", r, "edge-1 b")
	bye.Instance, bye.Farewell = "b", ""
	r.take(bye, now)
	wantNames(t, "after a goodbye that proves nothing", r, "edge-1 b")
	if r.Ignored() != 1 {
		t.Errorf("%d ignored", r.Ignored())
	}
}

// Nobody who is listed has to go for those who come later, and nobody who comes
// later is taken for nobody.
func TestRegistryIsBounded(t *testing.T) {
	r, now := newTestRegistry(new(events.Position)), time.Now()
	for n := range maxMembers {
		r.take(report(fmt.Sprintf("edge-%05d", n), "a"), now)
	}
	for n := range 3 {
		r.take(report("late-"+fmt.Sprint(n), "a"), now.Add(time.Second))
		r.takeUnreadable("bad-"+fmt.Sprint(n), now.Add(time.Second))
	}
	list := r.Edges()
	if len(list) != maxMembers+1 || list[0].ID != Others || list[0].State != Unreadable || list[1].ID != "edge-00000" {
		t.Errorf("%d edges, from %s %s", len(list), list[0].ID, list[1].ID)
	}
	if n := len(r.expect(now)); n != maxMembers+1 {
		t.Errorf("%d are expected", n)
	}
	// Who is safe makes room at once.
	r.take(report("edge-00007", "a"), now.Add(time.Minute))
	r.turn(now.Add(maxSetting + goneAfter + 2*time.Second))
	wantNames(t, "a minute later", r, "edge-00007 a")
	r.take(report("late-0", "a"), now.Add(time.Minute))
	wantNames(t, "with room", r, "edge-00007 a", "late-0 a")
}

// A flood of reports that nobody can read, under made-up names, takes little
// room, pushes nobody out, and lets nothing be called done.
func TestFloodOfUnreadableReports(t *testing.T) {
	r, now := newTestRegistry(new(events.Position)), time.Now()
	r.take(report("edge-1", "a"), now)
	for n := range 20_000 {
		r.takeUnreadable(fmt.Sprint("made-up-", n), now)
	}
	r.takeUnreadable("no id\x1b", now)
	r.take(report("edge-2", "a"), now)
	if n := len(r.members); n != maxUnreadable+3 || r.unreadable != maxUnreadable+1 {
		t.Errorf("%d members, %d of them unreadable", n, r.unreadable)
	}
	for _, key := range []instance{{"edge-1", "a"}, {"edge-2", "a"}, {id: Others}, {id: "made-up-7"}} {
		if !slices.Contains(r.expect(now), key) {
			t.Errorf("%v is not expected", key)
		}
		if m := r.members[key]; m != nil && m.unreadable != (m.secret == nil && m.State == Unreadable) {
			t.Errorf("%v: %+v", key, m)
		}
	}
	later := now.Add(forgetAfter + time.Second)
	r.take(report("edge-1", "a"), later)
	r.turn(later)
	if n := len(r.members); n != 1 || r.unreadable != 0 {
		t.Errorf("after it: %d members, %d of them unreadable", n, r.unreadable)
	}
}

// The largest bound counts that any edge may go by, and what is not known is
// the largest there is.
func TestBound(t *testing.T) {
	r, now := newTestRegistry(new(events.Position)), time.Now()
	check := func(what string, at time.Time, want time.Duration) {
		t.Helper()
		if got := r.bound(at); got != want || r.safeAfter(at) != want+goneAfter {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	check("nobody", now, staleness)
	r.take(report("edge-1", "a"), now)
	check("one like us", now, staleness)
	other := report("edge-2", "b")
	other.StalenessMS = 10_000
	r.take(other, now)
	check("one with a larger", now, 10*time.Second)
	r.staleness = func() time.Duration { return 15 * time.Second }
	check("an issuer with a larger", now, 15*time.Second)
	r.staleness = func() time.Duration { return staleness }
	check("it is silent", now.Add(expectFor), 10*time.Second)
	check("it is gone", now.Add(expectFor+time.Second), staleness)
	other.StalenessMS = 0
	r.take(other, now)
	check("one that does not tell", now, maxSetting)
	r.drop(instance{"edge-2", "b"})
	r.takeUnreadable("edge-3", now)
	check("one that nobody can read", now, maxSetting)
	r.drop(instance{id: "edge-3"})
	r.hearing.since = now.Add(-settle / 2)
	check("not everybody has been heard", now, maxSetting)
	check("but soon", now.Add(settle), staleness)
	r.connection = func() (uint64, bool) { return 1, true }
	check("nobody is heard", now.Add(time.Hour), maxSetting)
}

// An edge that goes by a larger bound stays fresh for longer.
func TestCompleteTakesTheLargestBound(t *testing.T) {
	r, now := newTestRegistry(new(events.Position)), time.Now()
	r.hearing.since = now
	slow := report("edge-1", "a")
	slow.StalenessMS = 30_000
	r.take(slow, now)
	if at := now.Add(staleness + goneAfter); r.complete(at) {
		t.Error("complete, although an edge may be fresh by what was 30s ago")
	}
	if !r.complete(now.Add(30*time.Second + goneAfter)) {
		t.Error("not complete after its bound")
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
