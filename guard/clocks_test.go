package guard

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/events"
)

// A skewed pair of clocks: this node's own, which the test sets.
type skewed struct {
	*clocks
	now  time.Duration // elapsed
	wall time.Time     // at 0 elapsed
	log  bytes.Buffer
}

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func newSkewed() *skewed {
	s := &skewed{wall: noon}
	s.clocks = newClocks(func() time.Duration { return s.now }, slog.New(slog.NewTextHandler(&s.log, nil)))
	s.clocks.wall = func() time.Time { return s.wall.Add(s.now) }
	return s
}

// hears a beat of an issuer whose clock is ahead of noon by so much, that was
// under way for a while, and may have been for as long as late.
func (s *skewed) hears(id string, ahead, way, late time.Duration) {
	at := noon.Add(s.now + ahead - way)
	s.beat(events.Beat{By: events.RoleIssuer, ID: id, At: at.UnixMilli()}, late)
}

func (s *skewed) want(t *testing.T, refused bool, when string) {
	t.Helper()
	if err := s.trouble(); (err != nil) != refused || (s.behind.Load() != 0) != refused {
		t.Errorf("%s: %v", when, err)
	}
}

func TestWallClockFarBehindIsTrouble(t *testing.T) {
	s := newSkewed()
	s.want(t, false, "no beat heard")
	s.hears("a", -time.Hour, 0, 0)
	s.want(t, false, "ahead of the issuers")
	s.hears("a", maxBehind, 0, 0)
	s.want(t, false, "behind by as much as may be")
	s.hears("a", maxBehind+time.Second, 0, 0)
	s.want(t, true, "behind by more")
	if err := s.trouble(); !strings.Contains(err.Error(), "10m1s behind") {
		t.Errorf("it does not say by how much: %v", err)
	}
	s.now += time.Second
	s.hears("a", maxBehind+2*time.Second, 0, 0)
	s.hears("a", maxBehind, 0, 0)
	s.want(t, false, "the issuer's clock was set")
	if n := strings.Count(s.log.String(), "\n"); n != 2 {
		t.Errorf("%d lines, want one for each change:\n%s", n, s.log.String())
	}
}

// A beat that was long under way, or is read again, shows less. It proves nothing.
func TestLateBeatDoesNotClear(t *testing.T) {
	for name, late := range map[string]time.Duration{"nobody knows": -1, "perhaps as late": 6 * time.Minute} {
		s := newSkewed()
		s.hears("a", 14*time.Minute, 0, 0)
		for range 100 {
			s.now += time.Second
			s.hears("a", 14*time.Minute, 6*time.Minute, late)
			s.want(t, true, name)
		}
		s.hears("a", 0, 0, time.Second)
		s.want(t, false, name+", then in time")
	}
}

// Each issuer is judged by its own beats: its tokens are stamped by its clock.
func TestIssuerIsNotClearedByAnother(t *testing.T) {
	s := newSkewed()
	s.hears("wrong", time.Hour, 0, 0)
	for s.now < silentFor {
		s.now += time.Second
		s.hears("right", 0, 0, 0)
		s.want(t, true, "another is right")
	}
	s.now += time.Second
	s.hears("right", 0, 0, 0)
	s.want(t, false, "silent for longer than the log keeps beats")
}

// This node's own clock is set: forward, then far back, without a beat.
func TestOwnClockIsSet(t *testing.T) {
	s := newSkewed()
	s.hears("a", 20*time.Minute, 0, 0)
	s.want(t, true, "behind")
	s.wall = s.wall.Add(20 * time.Minute)
	s.look()
	s.want(t, false, "set right")
	s.wall = s.wall.Add(-time.Hour)
	s.look()
	s.want(t, true, "set back")
}

func TestBeatsThatSayNothing(t *testing.T) {
	s := newSkewed()
	far := noon.Add(time.Hour).UnixMilli()
	s.beat(events.Beat{By: events.RoleEdge, ID: "e", At: far}, 0)
	s.beat(events.Beat{ID: "not admitted", At: far}, 0)
	s.beat(events.Beat{By: events.RoleIssuer, ID: "old version"}, 0)
	s.beat(events.Beat{By: events.RoleIssuer, ID: "x", At: -far}, 0)
	s.want(t, false, "none is an issuer's time")
	s.beat(events.Beat{By: events.RoleIssuer, ID: "x", At: 1<<63 - 1}, 0)
	s.want(t, true, "a time beyond all")
	for i := range 10 * maxIssuers {
		s.hears(strings.Repeat("i", i), 0, 0, 0)
	}
	if len(s.heard) != maxIssuers {
		t.Errorf("%d issuers are kept", len(s.heard))
	}
}

// Leeway, B and the largest difference stay below what revocations outlive tokens
// by, which is what commit keeps to.
func TestMarginIsTheIssuers(t *testing.T) {
	if margin != commit.Margin {
		t.Errorf("%v, issuers keep revocations for %v longer", margin, commit.Margin)
	}
	for _, c := range []struct {
		leeway, staleness time.Duration
		good              bool
	}{
		{0, 0, true}, {4 * time.Minute, time.Minute, true}, {4*time.Minute + 1, time.Minute, false}, {0, 5 * time.Minute, false},
		{-1, 0, false}, {0, 1<<63 - 1, false}, {5*time.Minute - 5*time.Second, 0, true}, {1<<63 - 1, 0, false},
	} {
		cfg := Config{ID: "e", NATSURL: "nats://x", Issuer: "i", Audience: "a", Leeway: c.leeway, Staleness: c.staleness}
		if err := cfg.setDefaults(); (err == nil) != c.good {
			t.Errorf("leeway %v, staleness %v: %v", c.leeway, c.staleness, err)
		}
	}
}

// Only a wall clock that goes ahead of the elapsed one tells that this may have
// stood still. Whatever holds the process up while it looks does not.
func TestClockThatStoodStill(t *testing.T) {
	const bound = 5 * time.Second
	look := func(elapsed, took time.Duration, wall time.Duration) bothClocks {
		return bothClocks{before: elapsed, after: elapsed + took, wall: noon.Add(wall)}
	}
	first := look(0, 0, 0)
	for name, c := range map[string]struct {
		now  bothClocks
		lost bool
	}{
		"alike":                      {look(time.Second, 0, time.Second), false},
		"both asleep for an hour":    {look(time.Hour, 0, time.Hour), false},
		"slewed":                     {look(time.Second, 0, time.Second+time.Millisecond), false},
		"set back":                   {look(time.Second, 0, -time.Hour), false},
		"stood still":                {look(time.Second, 0, 2*time.Second), true},
		"stood still for an hour":    {look(time.Second, 0, time.Hour), true},
		"held up while it looked":    {look(time.Second, time.Minute, time.Second+time.Minute), false},
		"held up, wall read at once": {look(time.Second, time.Minute, time.Second), false},
	} {
		g := remembering(t)
		g.copy.Limit(bound)
		g.config.Log, g.poke = slog.New(slog.DiscardHandler), make(chan struct{}, 1)
		g.copy.Renew(g.copy.Now())
		g.compareClocks(first, c.now)
		_, fresh := g.copy.Age()
		if fresh == c.lost || (len(g.poke) == 1) != c.lost {
			t.Errorf("%s: fresh %t, %d questions", name, fresh, len(g.poke))
		}
	}
}

func TestTextsOfTheReportAreChecked(t *testing.T) {
	for version, want := range map[string]string{
		"v1.2.3": "v1.2.3", "1.0 (grün)": "1.0-(gr-n)", "\x1b[2J\n": "-[2J-", strings.Repeat("v", 500): strings.Repeat("v", 64), "\xff": "-",
	} {
		cfg := Config{ID: "e", NATSURL: "nats://x", Issuer: "i", Audience: "a", Version: version}
		if err := cfg.setDefaults(); err != nil || cfg.Version != want {
			t.Errorf("%q became %q, %v", version, cfg.Version, err)
		}
	}
	for _, region := range []string{"eu west", "é", "a.b", "*", strings.Repeat("r", 65)} {
		cfg := Config{ID: "e", NATSURL: "nats://x", Issuer: "i", Audience: "a", Region: region}
		if cfg.setDefaults() == nil {
			t.Errorf("region %q is accepted", region)
		}
	}
	cfg := Config{ID: "e", NATSURL: "nats://x", Issuer: "i", Audience: "a"}
	if err := errors.Join(cfg.setDefaults()); err != nil || cfg.Version == "" {
		t.Errorf("%q, %v", cfg.Version, err)
	}
}

// Only a beat that was committed after the bad one, and read in time, shows that
// a clock agrees again: none that is read again, or of another log, or by a copy
// that does not know how far behind it reads.
func TestBeatThatIsReadAgainDoesNotClear(t *testing.T) {
	for name, c := range map[string]struct {
		epoch  string
		seq    uint64
		lost   bool
		clears bool
	}{
		"the next":        {"e", 12, false, true},
		"read again":      {"e", 9, false, false},
		"of the renewal":  {"e", 10, false, false},
		"of another log":  {"f", 12, false, false},
		"by a stale copy": {"e", 12, true, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := remembering(t)
			g.clocks, g.sync = newClocks(g.copy.Now, slog.New(slog.DiscardHandler)), &events.Sync{}
			g.copy.Renew(g.copy.Now())
			g.whole.Store(&events.Position{Epoch: "e", Seq: 10})
			hear := func(epoch string, seq uint64, at time.Time) {
				b := events.Beat{By: events.RoleIssuer, ID: "i", At: at.UnixMilli()}
				g.heardBeat(events.Message{Epoch: epoch, Seq: seq}, b)
			}
			hear("e", 11, time.Now().Add(11*time.Minute))
			if c.lost {
				g.copy.Lose()
			}
			hear(c.epoch, c.seq, time.Now())
			if cleared := g.clocks.trouble() == nil; cleared != c.clears {
				t.Errorf("%s: cleared %t", name, cleared)
			}
		})
	}
}
