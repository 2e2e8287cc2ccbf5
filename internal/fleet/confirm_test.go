package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/fleet"
	"github.com/curfew-auth/curfew/internal/testenv"
)

func entry(subject string) fleet.Entry {
	return fleet.Entry{Scope: events.ScopeSession, Issuer: "https://issuer.test", Subject: subject}
}

// A site is a registry and edges on one server.
type site struct {
	*fleet.Registry
	server *testenv.NATSServer
	edges  []*edge
}

func newSite(t testing.TB, edges int) *site {
	t.Helper()
	s := &site{server: testenv.NATS(t)}
	s.Registry = newRegistry(t, s.server.URL())
	for n := range edges {
		s.edges = append(s.edges, newEdge(t, s.server.URL(), fmt.Sprintf("edge-%d", n+1)))
	}
	awaitEdges(t, s.Registry, edges)
	s.HeardSince(time.Second) // long enough to know who is there
	return s
}

// within asks for a confirmation, for a limited time.
func (s *site) within(t testing.TB, d time.Duration, seq uint64, entries ...fleet.Entry) fleet.Confirmation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return s.Confirm(ctx, fleet.MaxWaits, seq, entries...)
}

func want(t testing.TB, what string, got fleet.Confirmation, expected, confirmed int, missing string) {
	t.Helper()
	if got.Expected != expected || got.Confirmed != confirmed || !slices.Equal(got.Missing, strings.Fields(missing)) {
		t.Errorf("%s: %+v, want %d of %d, without %q", what, got, confirmed, expected, missing)
	}
}

// wantPartly is want where some confirm and others cannot, so that every wait
// lasts to its end: on a busy machine one may be too short for those who can.
func (s *site) wantPartly(t testing.TB, what string, e fleet.Entry, expected, confirmed int, missing string) {
	t.Helper()
	var got fleet.Confirmation
	for began := time.Now(); got.Confirmed < confirmed && time.Since(began) < ceiling; {
		got = s.within(t, short, 7, e)
	}
	want(t, what, got, expected, confirmed, missing)
}

func (s *site) wantIdle(t testing.TB) {
	t.Helper()
	if rounds, waits := s.Open(); rounds != 0 || waits != 0 {
		t.Errorf("%d rounds and %d waits are left", rounds, waits)
	}
}

const short = 300 * time.Millisecond

func TestConfirmedByAll(t *testing.T) {
	s := newSite(t, 3)
	for _, e := range s.edges {
		e.apply("e1", 7, entry("a"), entry("b"))
	}
	want(t, "held by all", s.within(t, ceiling, 7, entry("a"), entry("b")), 3, 3, "")
	want(t, "one of two", s.within(t, short, 7, entry("a"), entry("c")), 3, 0, "edge-1 edge-2 edge-3")
	s.edges[1].apply("e1", 7, entry("c"))
	s.wantPartly(t, "held by one", entry("c"), 3, 1, "edge-1 edge-3")
	s.wantIdle(t)
}

// The position alone would prove nothing, and neither does an entry that an
// earlier revocation of the same left behind.
func TestPositionAndEntryCount(t *testing.T) {
	s := newSite(t, 1)
	s.edges[0].apply("e1", 100)
	want(t, "further, without the entry", s.within(t, short, 7, entry("a")), 1, 0, "edge-1")
	s.edges[0].apply("e1", 100, entry("a"))
	want(t, "not as far, with the entry", s.within(t, short, 101, entry("a")), 1, 0, "edge-1")
	want(t, "both", s.within(t, ceiling, 100, entry("a")), 1, 1, "")
}

// Who is behind answers as soon as it has applied it.
func TestConfirmedWhenApplied(t *testing.T) {
	s := newSite(t, 2)
	s.edges[0].apply("e1", 9, entry("a"))
	got := make(chan fleet.Confirmation)
	go func() { got <- s.within(t, ceiling, 9, entry("a")) }()
	for seq := uint64(5); seq <= 8; seq++ {
		s.edges[1].apply("e1", seq)
	}
	testenv.Eventually(t, ceiling, func() error {
		if rounds, _ := s.Open(); rounds == 0 {
			return fmt.Errorf("not asked yet")
		}
		return nil
	})
	s.edges[1].apply("e1", 9) // as after a rollback: it is not there
	s.edges[1].apply("e1", 10, entry("a"))
	want(t, "applied later", <-got, 2, 2, "")
	s.wantIdle(t)
}

// Whoever has missed the question is asked again at its next report.
func TestQuestionLost(t *testing.T) {
	s := newSite(t, 1)
	s.edges[0].stop() // it is still expected
	back := edgeOn(connect(t, s.server.URL()), "edge-1")
	back.Life = s.edges[0].Life
	back.apply("e1", 7, entry("a"))
	got := make(chan fleet.Confirmation)
	go func() { got <- s.within(t, ceiling, 7, entry("a")) }()
	testenv.Eventually(t, ceiling, func() error {
		if rounds, _ := s.Open(); rounds == 0 {
			return fmt.Errorf("not asked yet")
		}
		return nil
	})
	background(t, back.Run)
	want(t, "asked again", <-got, 1, 1, "")
}

func TestWhoIsExpected(t *testing.T) {
	s := newSite(t, 3)
	for _, e := range s.edges {
		e.apply("e1", 7, entry("a"))
	}
	s.edges[1].stop() // without a goodbye
	s.wantPartly(t, "one has died", entry("a"), 3, 2, "edge-2")
	got := make(chan fleet.Confirmation)
	go func() { got <- s.within(t, ceiling, 7, entry("a")) }()
	s.edges[1].Leave()
	want(t, "a goodbye while one waits", <-got, 2, 2, "")
	// Another life of the same edge confirms for itself only.
	again := newEdge(t, s.server.URL(), "edge-3")
	awaitEdges(t, s.Registry, 3)
	s.wantPartly(t, "two instances", entry("a"), 3, 2, "edge-3")
	again.apply("e1", 7, entry("a"))
	want(t, "both of them", s.within(t, ceiling, 7, entry("a")), 3, 3, "")
	// The strictest mode of the setting says nothing of each path.
	stateless := edgeOn(connect(t, s.server.URL()), "edge-4")
	stateless.mode = "stateless"
	background(t, stateless.Run)
	awaitEdges(t, s.Registry, 4)
	s.wantPartly(t, "one that may look at no revocation", entry("a"), 4, 3, "edge-4")
	stateless.apply("e1", 7, entry("a"))
	all := s.within(t, ceiling, 7, entry("a"))
	want(t, "it holds what was revoked, too", all, 4, 4, "")
	if !slices.Equal(all.Stateless, []string{"edge-4"}) {
		t.Errorf("stateless are %q", all.Stateless)
	}
}

// Only who has listened for longer than any edge can stay fresh unheard knows
// that there are no others.
func TestEverywhere(t *testing.T) {
	s := newSite(t, 1)
	s.edges[0].apply("e1", 7, entry("a"))
	if got := s.within(t, ceiling, 7, entry("a")); got.Confirmed != 1 || got.Everywhere {
		t.Errorf("just started: %+v", got)
	}
	s.HeardSince(time.Minute)
	if got := s.within(t, ceiling, 7, entry("a")); got.Confirmed != 1 || !got.Everywhere {
		t.Errorf("listening for long: %+v", got)
	}
	if got := s.within(t, short, 7, entry("b")); got.Everywhere {
		t.Errorf("not confirmed: %+v", got)
	}
	s.server.Restart()
	awaitEdges(t, s.Registry, 1)
	testenv.Eventually(t, ceiling, func() error {
		got := s.within(t, ceiling, 7, entry("a"))
		if got.Everywhere {
			t.Fatalf("edges may have come while the connection was away: %+v", got)
		}
		if got.Confirmed != 1 {
			return fmt.Errorf("%+v", got)
		}
		return nil
	})
}

// An edge that has been heard, but whose report is still to be taken in behind
// many others, is asked too.
func TestReportsUnderWayCount(t *testing.T) {
	s := newSite(t, 1)
	s.edges[0].apply("e1", 7, entry("a"))
	nc := connect(t, s.server.URL())
	heard, err := nc.SubscribeSync("curfew.local.edge.*")
	testenv.Must(t, err)
	report, err := heard.NextMsg(ceiling)
	testenv.Must(t, err)
	s.HeardSince(time.Minute)
	late := edgeOn(nc, "edge-2")
	for range 50_000 {
		testenv.Must(t, nc.Publish(report.Subject, report.Data))
	}
	_, err = late.Announce() // and then says nothing
	testenv.Must(t, err)
	testenv.Must(t, nc.Flush())
	if got := s.within(t, short, 7, entry("a")); got.Everywhere {
		t.Errorf("an edge that had reported was not asked: %+v", got)
	}
	awaitEdges(t, s.Registry, 2)
}

// A list of edges that is full keeps those it has, and knows of the others.
func TestCrowdPushesNobodyOut(t *testing.T) {
	s := newSite(t, 1)
	s.HeardSince(time.Minute)
	s.edges[0].stop()
	s.Crowd()
	late := newEdge(t, s.server.URL(), "edge-2") // finds no room
	late.apply("e1", 7, entry("a"))
	testenv.Eventually(t, ceiling, func() error {
		got := s.within(t, short, 7, entry("a"))
		if got.Everywhere || !slices.Contains(got.Missing, "edge-1") {
			t.Fatalf("everywhere %t, %d missing, want edge-1 among them", got.Everywhere, len(got.Missing))
		}
		if !slices.Contains(got.Missing, fleet.Others) {
			return errors.New("nobody is said to be missing besides those listed")
		}
		return nil
	})
}

func TestNoServer(t *testing.T) {
	s := newSite(t, 1)
	s.edges[0].apply("e1", 7, entry("a"))
	s.HeardSince(time.Minute)
	s.server.Stop()
	start := time.Now()
	got := s.within(t, short, 7, entry("a"))
	want(t, "no server", got, 1, 0, "edge-1")
	if took := time.Since(start); took > 10*time.Second || got.Everywhere {
		t.Errorf("%v, %+v", took, got)
	}
	lone := fleet.NewRegistry(connect(t, "nats://127.0.0.1:1"), "local", staleness, func() events.Position { return events.Position{} }, quiet)
	background(t, lone.Run)
	start = time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if got := lone.Confirm(ctx, 1, 7, entry("a")); got.Expected != 0 || got.Everywhere || time.Since(start) < time.Second {
		t.Errorf("an issuer that has heard nobody: %+v after %v", got, time.Since(start))
	}
	s.wantIdle(t)
}

// Those who wait together share questions, however many they are.
func TestQuestionsAreShared(t *testing.T) {
	s := newSite(t, 2)
	const waits = 1000
	var all []fleet.Entry
	for n := range waits {
		all = append(all, entry(fmt.Sprint(n)))
	}
	for _, e := range s.edges {
		e.apply("e1", waits, all...)
	}
	questions, err := connect(t, s.server.URL()).SubscribeSync("curfew.local.report")
	testenv.Must(t, err)
	testenv.Must(t, questions.SetPendingLimits(-1, -1))
	var running sync.WaitGroup
	for n := range waits {
		running.Go(func() {
			if got := s.within(t, ceiling, uint64(n), all[n]); got.Expected != 2 || got.Confirmed != 2 {
				t.Errorf("%d: %+v", n, got)
			}
		})
	}
	running.Wait()
	asked, _, err := questions.Pending()
	testenv.Must(t, err)
	if asked > waits/4 {
		t.Errorf("%d questions for %d waits", asked, waits)
	}
	t.Logf("%d questions for %d waits", asked, waits)
	want(t, "many in one", s.within(t, ceiling, waits, all...), 2, 2, "")
	s.wantIdle(t)
}

func TestWaitsAreBounded(t *testing.T) {
	s := newSite(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range 3 {
		running.Go(func() { s.Confirm(ctx, 3, 7, entry("a")) })
	}
	testenv.Eventually(t, ceiling, func() error {
		if _, waits := s.Open(); waits != 3 {
			return fmt.Errorf("%d wait", waits)
		}
		return nil
	})
	if got := s.Confirm(ctx, 3, 7, entry("a")); !got.Refused || got.Everywhere || got.Expected != 1 || got.Confirmed != 0 {
		t.Errorf("one too many: %+v", got)
	}
	if got := s.within(t, short, 7, entry("a")); got.Refused {
		t.Errorf("below another limit: %+v", got)
	}
	cancel()
	running.Wait()
	s.wantIdle(t)
}

// Subjects of any length and content fit.
func TestLargeQuestions(t *testing.T) {
	s := newSite(t, 1)
	var all []fleet.Entry
	for n := range 300 {
		e := entry(strings.Repeat("\x01", events.MaxSubject-4) + fmt.Sprintf("%04d", n))
		e.Scope, e.Tenant = events.ScopeUser, strings.Repeat("\x02", events.MaxSubject)
		all = append(all, e)
	}
	s.edges[0].apply("e1", 7, all...)
	want(t, "large", s.within(t, ceiling, 7, all...), 1, 1, "")
}
